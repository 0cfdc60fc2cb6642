package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// rfcVectors is testdata/rfc-vectors.json.
type rfcVectors struct {
	Varints []struct {
		Bytes    hexBytes
		Shortest bool
		Value    uint64
	}
	PacketNumbers struct {
		Decode []struct {
			Bits         int
			Largest      PacketNumber `json:"largest_received"`
			PacketNumber PacketNumber `json:"packet_number"`
			Truncated    uint32
		}
		Encode []struct {
			BytesNeeded  int `json:"bytes_needed"`
			Encoded      hexBytes
			LargestAcked PacketNumber `json:"largest_acked"`
			PacketNumber PacketNumber `json:"packet_number"`
		}
	} `json:"packet_numbers"`
	OriginalDCID hexBytes `json:"original_dcid"`
	Retry        struct {
		IntegrityKey   hexBytes `json:"integrity_key"`
		IntegrityNonce hexBytes `json:"integrity_nonce"`
		Packet         hexBytes
		Tag            hexBytes
	}
	ClientInitial packetVector `json:"client_initial"`
	ServerInitial packetVector `json:"server_initial"`
	Short         packetVector
}

type packetVector struct {
	Packet       hexBytes
	Header       hexBytes     `json:"unprotected_header"`
	PacketNumber PacketNumber `json:"packet_number"`
	NumberLen    int          `json:"packet_number_length"`
	Payload      hexBytes
	CryptoFrame  hexBytes `json:"crypto_frame"`
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func loadVectors(t testing.TB) (v rfcVectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/rfc-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// loadSeeds reads a .hex file: one seed a line, comments start with #.
func loadSeeds(t testing.TB, name string) (seeds [][]byte) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, len(raw)+1)
	for lines.Scan() {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			seeds = append(seeds, unhex(t, line))
		}
	}
	if len(seeds) == 0 {
		t.Fatalf("no seeds in %s", name)
	}
	return seeds
}

// unhex decodes hexadecimal with spaces in it.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func wantCode(t *testing.T, err error, code ErrorCode) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error = %v, want %v", err, code)
	}
}

func cid(t testing.TB, s string) ConnectionID {
	t.Helper()
	id, ok := MakeConnectionID(unhex(t, s))
	if !ok {
		t.Fatalf("connection ID %s too long", s)
	}
	return id
}
