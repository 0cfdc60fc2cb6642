package qpackwire

import (
	"reflect"
	"strings"
	"testing"

	"quicpro/wire/h3wire"
)

func plain(s string) Literal { return Literal{Data: []byte(s)} }

func TestEveryRepresentation(t *testing.T) {
	const huge = 1 << 40
	for _, c := range []struct {
		name string
		b    []byte
		want Line
	}{
		{"indexed static", AppendIndexedStatic(nil, 98), Line{Kind: IndexedStatic, Index: 98}},
		{"indexed dynamic", AppendIndexedDynamic(nil, huge), Line{Kind: IndexedDynamic, Index: huge}},
		{"indexed post-base", AppendIndexedPostBase(nil, huge), Line{Kind: IndexedPostBase, Index: huge}},
		{"static name", AppendLiteralStaticName(nil, 84, "\x00", false), Line{Kind: LiteralStaticName, Index: 84, Value: plain("\x00")}},
		{"static name, never indexed", AppendLiteralStaticName(nil, 3, "\x00", true), Line{Kind: LiteralStaticName, NeverIndex: true, Index: 3, Value: plain("\x00")}},
		{"dynamic name", AppendLiteralDynamicName(nil, huge, "", false), Line{Kind: LiteralDynamicName, Index: huge, Value: plain("")}},
		{"dynamic name, never indexed", AppendLiteralDynamicName(nil, 0, "", true), Line{Kind: LiteralDynamicName, NeverIndex: true, Value: plain("")}},
		{"post-base name", AppendLiteralPostBaseName(nil, huge, "\x01", false), Line{Kind: LiteralPostBaseName, Index: huge, Value: plain("\x01")}},
		{"post-base name, never indexed", AppendLiteralPostBaseName(nil, 6, "\x01", true), Line{Kind: LiteralPostBaseName, NeverIndex: true, Index: 6, Value: plain("\x01")}},
		{"literal name", AppendLiteralName(nil, "{}{}{}{}", "{", false), Line{Kind: LiteralName, Name: plain("{}{}{}{}"), Value: plain("{")}},
		{"literal name, never indexed", AppendLiteralName(nil, "", "", true), Line{Kind: LiteralName, NeverIndex: true, Name: plain(""), Value: plain("")}},
		{"Huffman", AppendLiteralName(nil, "aa", "www.example.com", false), Line{
			Kind: LiteralName, Name: plain("aa"), Value: Literal{AppendHuffman(nil, "www.example.com"), true},
		}},
		{"Huffman name", AppendLiteralName(nil, "aaaa", "", false), Line{Kind: LiteralName, Name: Literal{AppendHuffman(nil, "aaaa"), true}, Value: plain("")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			line, n, err := ConsumeLine(append(c.b[:len(c.b):len(c.b)], 0xff))
			if err != nil || n != len(c.b) || !sameLine(line, c.want) {
				t.Fatalf("%x reads %+v, %d, %v", c.b, line, n, err)
			}
			for cut := range c.b {
				_, _, err := ConsumeLine(c.b[:cut])
				wantCode(t, err, h3wire.CodeQPACKDecompressionFailed)
			}
		})
	}
}

func sameLine(a, b Line) bool {
	if string(a.Name.Data) != string(b.Name.Data) || string(a.Value.Data) != string(b.Value.Data) {
		return false
	}
	a.Name.Data, a.Value.Data, b.Name.Data, b.Value.Data = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}

func TestBadLinesAreRefused(t *testing.T) {
	ones := strings.Repeat("\xff", 12)
	for name, b := range map[string]string{
		"static entry 99":              string(AppendIndexedStatic(nil, 99)),
		"static name 99":               string(AppendLiteralStaticName(nil, 99, "", false)),
		"oversized index":              ones,
		"oversized post-base":          "\x1f" + ones,
		"oversized name length":        "\x27" + ones,
		"oversized value length":       "\x51\x7f" + ones,
		"value longer than section":    "\x51\x05abcd",
		"value of 2^62-1 bytes":        "\x51" + string(AppendInt(nil, 0, 7, MaxInt)),
		"name of 2^62-1 bytes":         string(AppendInt(nil, 0x20, 3, MaxInt)) + "abc",
		"oversized post-base name ref": "\x07" + ones,
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ConsumeLine([]byte(b))
			wantCode(t, err, h3wire.CodeQPACKDecompressionFailed)
		})
	}
}

func TestTheBestStaticRepresentationIsChosen(t *testing.T) {
	for _, c := range []struct {
		name, value string
		never       bool
		want        string
	}{
		{":method", "GET", false, "\xd1"},
		{":status", "500", false, "\xff\x08"},
		{":path", "/{", false, "\x51\x02/{"},
		{":path", "/", true, "\x71\x01/"},
		{"authorization", "{{", true, "\x7f\x45\x02{{"},
		{"x!", "{{", false, "\x22x!\x02{{"},
		{"x!", "{{", true, "\x32x!\x02{{"},
		{"x!", "aaaaaaaa", false, "\x22x!\x85" + string(AppendHuffman(nil, "aaaaaaaa"))},
	} {
		if got := AppendFieldLine(nil, c.name, c.value, c.never); string(got) != c.want {
			t.Errorf("%s: %s (%v) is %x, want %x", c.name, c.value, c.never, got, c.want)
		}
	}
}
