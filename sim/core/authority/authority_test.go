package authority

import (
	"crypto/x509"
	"encoding/hex"
	"testing"
	"time"
)

func TestACertificateIsTrustedForItsNameAlone(t *testing.T) {
	leaf := Certificate("srv").Leaf
	for name, trusted := range map[string]bool{"srv": true, "cli": false} {
		o := x509.VerifyOptions{DNSName: name, Roots: Pool(), CurrentTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		if _, err := leaf.Verify(o); (err == nil) != trusted {
			t.Errorf("for %q: %v, want trusted: %v", name, err, trusted)
		}
	}
}

// Another one would change the hash of every run.
func TestACertificateIsTheSameInEveryProcess(t *testing.T) {
	if got, want := hex.EncodeToString(Certificate("srv").Leaf.Signature[:8]), "3e08d6c85d011705"; got != want {
		t.Errorf("the signature begins with %s, want %s", got, want)
	}
}
