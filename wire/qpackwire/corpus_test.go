package qpackwire

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// archive returns the files of a zip in testdata by name.
func archive(t testing.TB, name string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// parseQIF returns the field lists of a .qif file: "name TAB value" lines, an
// empty line after each list, comments behind #.
func parseQIF(file []byte) (lists [][]Field) {
	var list []Field
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			if list != nil {
				lists = append(lists, list)
			}
			list = nil
		default:
			name, value, _ := strings.Cut(line, "\t")
			list = append(list, Field{Name: name, Value: value})
		}
	}
	if list != nil {
		lists = append(lists, list)
	}
	return lists
}

// decodeCorpus decodes an encoded file with all its records: 8 bytes of stream
// ID, 4 of length, then an encoder-stream piece (stream 0) or a section. Blocked
// sections wait for their insertions.
func decodeCorpus(t *testing.T, file []byte, capacity uint64) map[uint64][]Field {
	t.Helper()
	d := testDecoder{maxCapacity: capacity, capacity: capacity}
	lists := map[uint64][]Field{}
	blocked := map[uint64][]byte{}
	read := func(stream uint64, section []byte) {
		fields, err := d.section(section)
		if errors.Is(err, errBlocked) {
			blocked[stream] = section
			return
		}
		if err != nil {
			t.Fatalf("stream %d: %v", stream, err)
		}
		delete(blocked, stream)
		lists[stream] = fields
		if capacity > 0 {
			return
		}
		// Without a table the stateless decoder must say the same.
		var stateless SectionDecoder
		if got, err := stateless.Decode(nil, section, sectionSize(fields)); err != nil || !slices.Equal(got, fields) {
			t.Fatalf("stream %d, stateless: %v, %v", stream, got, err)
		}
	}
	for len(file) > 0 {
		stream, length := binary.BigEndian.Uint64(file), binary.BigEndian.Uint32(file[8:])
		record := file[12 : 12+length]
		file = file[12+length:]
		if stream != 0 {
			read(stream, record)
			continue
		}
		if err := d.instructions(record); err != nil {
			t.Fatalf("encoder stream: %v", err)
		}
		for stream, section := range blocked {
			read(stream, section)
		}
	}
	if len(blocked) > 0 || len(d.pending) > 0 {
		t.Fatalf("%d sections stay blocked, %d bytes of an instruction are left", len(blocked), len(d.pending))
	}
	return lists
}

// What ls-qpack, nghttp3 and proxygen wrote, with and without a dynamic table,
// reads as the lists they were given.
func TestOtherEncodersAreUnderstood(t *testing.T) {
	files := archive(t, "qifs.zip")
	count := 0
	for name, file := range files {
		dir, base := path.Split(name)
		input, parameters, ok := strings.Cut(base, ".out.")
		if !ok {
			continue
		}
		count++
		t.Run(path.Base(dir)+"/"+base, func(t *testing.T) {
			first, _, _ := strings.Cut(parameters, ".")
			capacity, err := strconv.ParseUint(first, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			want := parseQIF(files["qifs/"+input+".qif"])
			got := decodeCorpus(t, file, capacity)
			if len(want) == 0 || len(got) != len(want) {
				t.Fatalf("%d lists, want %d", len(got), len(want))
			}
			for i, list := range want {
				if !slices.EqualFunc(got[uint64(i+1)], list, sameText) {
					t.Errorf("list %d is %v, want %v", i+1, got[uint64(i+1)], list)
				}
			}
		})
	}
	if count < 40 {
		t.Errorf("only %d encoded files", count)
	}
}

func sameText(a, b Field) bool { return a.Name == b.Name && a.Value == b.Value }

// Every list survives our own encoder and decoder, and takes no more bytes than
// ls-qpack needs without a table.
func TestRealListsRoundTrip(t *testing.T) {
	files := archive(t, "qifs.zip")
	theirs := map[string]string{"fb-req-hq": "ls-qpack/fb-req-hq.out.0.0.0", "fb-resp-hq": "nghttp3/fb-resp-hq.out.0.0.0", "netbsd-hq": "ls-qpack/netbsd-hq.out.0.0.0", "netbsd": ""}
	for input, encoded := range theirs {
		lists := parseQIF(files["qifs/"+input+".qif"])
		if len(lists) == 0 {
			t.Fatalf("no lists in %s", input)
		}
		var d SectionDecoder
		var section []byte
		var fields []Field
		size := 0
		for i, list := range lists {
			section = AppendSection(section[:0], list)
			size += len(section) + 12
			var err error
			if fields, err = d.Decode(fields[:0], section, sectionSize(list)); err != nil || !slices.Equal(fields, list) {
				t.Fatalf("%s, list %d: %v, %v", input, i+1, fields, err)
			}
		}
		if encoded == "" {
			continue
		}
		if file := files["encoded/"+encoded]; size > len(file) {
			t.Errorf("%s takes %d bytes, theirs %d", input, size, len(file))
		}
	}
}
