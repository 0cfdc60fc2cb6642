package qpackwire

import (
	"bytes"
	"strings"
	"testing"

	"quicpro/wire/h3wire"
)

func TestEveryEncoderInstruction(t *testing.T) {
	const huge = 1 << 40
	for _, c := range []struct {
		name string
		b    []byte
		want EncoderInstruction
	}{
		{"capacity", AppendSetCapacity(nil, 4096), EncoderInstruction{Kind: SetCapacity, Index: 4096}},
		{"static name", AppendInsertStaticName(nil, 98, "\x00"), EncoderInstruction{Kind: InsertStaticName, Index: 98, Value: plain("\x00")}},
		{"dynamic name", AppendInsertDynamicName(nil, huge, ""), EncoderInstruction{Kind: InsertDynamicName, Index: huge, Value: plain("")}},
		{"literal name", AppendInsertLiteralName(nil, "{}", "{"), EncoderInstruction{Kind: InsertLiteralName, Name: plain("{}"), Value: plain("{")}},
		{"Huffman name", AppendInsertLiteralName(nil, "aaaa", ""), EncoderInstruction{Kind: InsertLiteralName, Name: Literal{AppendHuffman(nil, "aaaa"), true}}},
		{"duplicate", AppendDuplicate(nil, huge), EncoderInstruction{Kind: Duplicate, Index: huge}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, n, err := ConsumeEncoderInstruction(append(c.b[:len(c.b):len(c.b)], 0xff), 1000)
			if err != nil || n != len(c.b) || in.Kind != c.want.Kind || in.Index != c.want.Index ||
				!sameLiteral(in.Name, c.want.Name) || !sameLiteral(in.Value, c.want.Value) {
				t.Fatalf("%x reads %+v, %d, %v", c.b, in, n, err)
			}
			for cut := range c.b {
				if _, n, err := ConsumeEncoderInstruction(c.b[:cut], 1000); n != 0 || err != nil {
					t.Errorf("%d of %d bytes: %d, %v", cut, len(c.b), n, err)
				}
			}
		})
	}
}

func TestBadEncoderInstructionsAreRefused(t *testing.T) {
	ones := strings.Repeat("\xff", 12)
	for name, b := range map[string]string{
		"static entry 99":      string(AppendInsertStaticName(nil, 99, "")),
		"oversized capacity":   "\x3f" + ones,
		"oversized duplicate":  "\x1f" + ones,
		"oversized index":      ones,
		"name over the limit":  string(AppendInt(nil, 0x40, 5, 101)),
		"value over the limit": "\x80" + string(AppendInt(nil, 0, 7, 101)),
		"value after a name":   "\x41a" + string(AppendInt(nil, 0, 7, 101)),
	} {
		t.Run(name, func(t *testing.T) {
			_, n, err := ConsumeEncoderInstruction([]byte(b), 100)
			wantCode(t, err, h3wire.CodeQPACKEncoderStreamError)
			if n != 0 {
				t.Errorf("%d bytes taken", n)
			}
		})
	}
	exact := AppendInsertLiteralName(nil, strings.Repeat("{", 100), strings.Repeat("{", 100))
	if _, n, err := ConsumeEncoderInstruction(exact, 100); n != len(exact) || err != nil {
		t.Errorf("literals of exactly the limit: %d, %v", n, err)
	}
	if len(exact) > 200+MaxInstructionOverhead {
		t.Errorf("instruction of %d bytes", len(exact))
	}
}

func TestEveryDecoderInstruction(t *testing.T) {
	for _, v := range []uint64{1, 62, 63, 127, 128, MaxInt} {
		for want, b := range map[DecoderInstruction][]byte{
			{SectionAck, v}:           AppendSectionAck(nil, v),
			{StreamCancellation, v}:   AppendStreamCancellation(nil, v),
			{InsertCountIncrement, v}: AppendInsertCountIncrement(nil, v),
		} {
			if in, n, err := ConsumeDecoderInstruction(append(b[:len(b):len(b)], 0xff)); in != want || n != len(b) || err != nil {
				t.Errorf("%x reads %+v, %d, %v", b, in, n, err)
			}
			for cut := range b {
				if _, n, err := ConsumeDecoderInstruction(b[:cut]); n != 0 || err != nil {
					t.Errorf("%d of %x: %d, %v", cut, b, n, err)
				}
			}
		}
	}
	if in, n, err := ConsumeDecoderInstruction(AppendSectionAck(nil, 0)); in != (DecoderInstruction{SectionAck, 0}) || n != 1 || err != nil {
		t.Errorf("stream 0: %+v, %d, %v", in, n, err)
	}
	for _, bad := range [][]byte{{0x00}, bytes.Repeat([]byte{0xff}, 10), append([]byte{0x7f}, bytes.Repeat([]byte{0x80}, 9)...)} {
		_, _, err := ConsumeDecoderInstruction(bad)
		wantCode(t, err, h3wire.CodeQPACKDecoderStreamError)
	}
}

func sameLiteral(a, b Literal) bool { return a.Huffman == b.Huffman && bytes.Equal(a.Data, b.Data) }
