package qpackwire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// rfcStep is one exchange of RFC 9204 Appendix B.
type rfcStep struct {
	Example string
	Hex     string
	Stream  string
	Fields  [][2]string
	Table   [][2]string `json:"table_oldest_first"`
	Size    uint64      `json:"encoder_table_size_after"`
}

func TestExamplesOfRFC9204(t *testing.T) {
	file, err := os.ReadFile("testdata/rfc9204-appendix-b.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		MaxTableCapacity uint64 `json:"max_table_capacity"`
		Steps            []rfcStep
	}
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Steps) != 10 {
		t.Fatalf("%d steps, want 10", len(vectors.Steps))
	}
	d := testDecoder{maxCapacity: vectors.MaxTableCapacity}
	var acks []DecoderInstruction
	for i, step := range vectors.Steps {
		b, err := hex.DecodeString(step.Hex)
		if err != nil {
			t.Fatal(err)
		}
		switch step.Stream {
		case "encoder":
			for _, c := range b { // byte by byte: instructions may be split
				if err := d.instructions([]byte{c}); err != nil {
					t.Fatalf("step %d (%s): %v", i, step.Example, err)
				}
			}
			if got, want := fmt.Sprint(d.entries), fmt.Sprint(step.Table); got != bracesFor(want) {
				t.Errorf("step %d (%s): table %v, want %v", i, step.Example, got, want)
			}
			if d.size() != step.Size {
				t.Errorf("step %d (%s): %d bytes in the table, want %d", i, step.Example, d.size(), step.Size)
			}
		case "request":
			got, err := d.section(b)
			if err != nil || len(got) != len(step.Fields) {
				t.Fatalf("step %d (%s): %v, %v", i, step.Example, got, err)
			}
			for j, f := range step.Fields {
				if got[j] != (Field{Name: f[0], Value: f[1]}) {
					t.Errorf("step %d (%s): %v, want %v", i, step.Example, got[j], f)
				}
			}
		case "decoder":
			in, n, err := ConsumeDecoderInstruction(b)
			if err != nil || n != len(b) {
				t.Fatalf("step %d (%s): %d, %v", i, step.Example, n, err)
			}
			acks = append(acks, in)
		}
	}
	if want := fmt.Sprint([]DecoderInstruction{{SectionAck, 4}, {InsertCountIncrement, 1}, {StreamCancellation, 8}}); fmt.Sprint(acks) != want {
		t.Errorf("decoder stream %v, want %v", acks, want)
	}
}

// bracesFor turns the print of a list of pairs into that of a list of entries.
func bracesFor(pairs string) string {
	b := []byte(pairs)
	for i := 1; i < len(b)-1; i++ {
		switch b[i] {
		case '[':
			b[i] = '{'
		case ']':
			b[i] = '}'
		}
	}
	return string(b)
}

// The same bytes, written: those of Appendix B whose strings no coder shortens.
func TestExamplesOfRFC9204Written(t *testing.T) {
	for want, got := range map[string][]byte{
		"3fbd01": AppendSetCapacity(nil, 220),
		"0381":   AppendDynamicPrefix(nil, SectionPrefix{2, 0}, MaxEntries(220)),
		"1011":   AppendIndexedPostBase(AppendIndexedPostBase(nil, 0), 1),
		"84":     AppendSectionAck(nil, 4),
		"01":     AppendInsertCountIncrement(nil, 1),
		"02":     AppendDuplicate(nil, 2),
		"0500":   AppendDynamicPrefix(nil, SectionPrefix{4, 4}, MaxEntries(220)),
		"80c181": AppendIndexedDynamic(AppendIndexedStatic(AppendIndexedDynamic(nil, 0), 1), 1),
		"48":     AppendStreamCancellation(nil, 8),
	} {
		if b, err := hex.DecodeString(want); err != nil || !bytes.Equal(got, b) {
			t.Errorf("wrote %x, want %s", got, want)
		}
	}
}
