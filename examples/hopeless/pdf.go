package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cutoff-run/cutoff"
	"rsc.io/pdf"
)

var extractText = cutoff.Register("extract-text", textOf)

// textOf opens a PDF file and returns the text of all its pages, as any program
// would do it. What it does not do is guard against the library: rsc.io/pdf
// panics on many files that are broken, and on a few it never ends.
func textOf(_ context.Context, file []byte) (string, error) {
	r, err := pdf.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for i := 1; i <= r.NumPage(); i++ {
		page := r.Page(i)
		if page.V.IsNull() {
			continue
		}
		for _, t := range page.Content().Text {
			text.WriteString(t.S)
		}
	}
	return text.String(), nil
}

// brokenPDF is task n of its kind: the document with 1 to 6 random mutations.
func brokenPDF(rng *rand.Rand, n int) task {
	file := document()
	mutations := 1 + rng.IntN(6)
	for range mutations {
		file = mutate(rng, file)
	}
	return task{
		kind: kindPDF, number: n, input: file, size: mutations,
		label: fmt.Sprintf("%d of at most 6 mutations", mutations),
		call:  calling(extractText, file), function: extractText.Name(),
	}
}

// mutate damages a file the way disks, line ends and careless programs do.
func mutate(rng *rand.Rand, file []byte) []byte {
	at := rng.IntN(len(file))
	end := min(at+1+rng.IntN(8), len(file))
	switch rng.IntN(16) {
	case 0: // a few bytes are lost
		return slices.Delete(file, at, end)
	case 1: // a few bytes come twice
		return slices.Insert(file, end, slices.Clone(file[at:end])...)
	case 2, 3: // a few bytes stand where others stood
		copy(file[at:end], file[rng.IntN(len(file)):])
	case 4, 5, 6: // another digit or delimiter
		const special = "0123456789()<>[]{}/%\\ \n"
		file[at] = special[rng.IntN(len(special))]
	case 7, 8, 9: // another byte
		file[at] = byte(rng.IntN(256))
	default: // a bit flips
		file[at] ^= 1 << rng.IntN(8)
	}
	return file
}

// document returns a small, correct PDF file: three pages in a tree of two
// levels, two fonts, one of the pages in a Flate stream.
func document() []byte {
	var d builder
	d.WriteString("%PDF-1.4\n")
	d.object("<< /Type /Catalog /Pages 2 0 R /Metadata 12 0 R >>")
	d.object("<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 3 /Resources << /Font << /F1 10 0 R /F2 11 0 R >> >> >>")
	d.object("<< /Type /Pages /Parent 2 0 R /Kids [4 0 R 5 0 R] /Count 2 >>")
	d.object("<< /Type /Page /Parent 3 0 R /MediaBox [0 0 595 842] /Contents 7 0 R >>")
	d.object("<< /Type /Page /Parent 3 0 R /MediaBox [0 0 595 842] /Contents 8 0 R >>")
	d.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 9 0 R >>")
	d.stream("", []byte("BT /F1 18 Tf 72 760 Td (Hopeless tasks) Tj\n/F2 11 Tf 0 -28 Td (Most of them end at once.) Tj\n"+
		"0 -14 Td [(A) 80 (few) -250 (never do)] TJ ET\n"))
	d.stream("", []byte("q 1 0 0 1 0 0 cm 72 700 200 40 re f Q\nBT /F1 12 Tf 72 760 Td <5061676520> Tj (two \\(of three\\)) Tj\n"+
		"14 TL T* (Nobody can tell them apart) Tj T* (before they run.) Tj ET\n"))
	d.stream("/Filter /FlateDecode ", deflate("BT /F2 12 Tf 1 0 0 1 72 760 Tm (The last page) Tj 0 -14 Td (says little.) Tj ET\n"))
	widths := strings.TrimSpace(strings.Repeat("500 ", '~'-' '+1))
	d.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /FirstChar 32 /LastChar 126 /Widths [" + widths + "] >>")
	d.object("<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding << /Differences [39 /quoteright 96 /quoteleft] >> >>")
	d.stream("/Type /Metadata /Subtype /XML ", metadata())
	return d.finish()
}

// metadata returns an XMP packet. Most of it is blank, as everywhere: room for
// programs that change it in place.
func metadata() []byte {
	const begin = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/>` + "\n"
	return []byte(begin + strings.Repeat(strings.Repeat(" ", 99)+"\n", 20) + `<?xpacket end="w"?>`)
}

// builder writes the parts of a PDF file and remembers where they stand.
type builder struct {
	bytes.Buffer
	offsets []int
}

func (b *builder) object(body string) {
	b.offsets = append(b.offsets, b.Len())
	fmt.Fprintf(b, "%d 0 obj\n%s\nendobj\n", len(b.offsets), body)
}

func (b *builder) stream(filter string, data []byte) {
	b.object(fmt.Sprintf("<< %s/Length %d >>\nstream\n%s\nendstream", filter, len(data), data))
}

func (b *builder) finish() []byte {
	xref := b.Len()
	fmt.Fprintf(b, "xref\n0 %d\n0000000000 65535 f \n", len(b.offsets)+1)
	for _, at := range b.offsets {
		fmt.Fprintf(b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(b.offsets)+1, xref)
	return b.Bytes()
}

// deflate wraps text in a zlib stream without compressing it, so that every
// release of Go makes the same file of it.
func deflate(text string) []byte {
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.NoCompression)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}
