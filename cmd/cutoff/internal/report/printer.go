package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
)

// printer writes to w until an error stops it.
type printer struct {
	w   io.Writer
	err error
	buf bytes.Buffer // of the current value
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// value writes v as JSON without a newline.
func (p *printer) value(v any) {
	if p.err != nil {
		return
	}
	p.buf.Reset()
	enc := json.NewEncoder(&p.buf)
	enc.SetEscapeHTML(false)
	if p.err = enc.Encode(v); p.err != nil {
		return
	}
	_, p.err = p.w.Write(bytes.TrimSuffix(p.buf.Bytes(), []byte("\n")))
}

// text writes s as the text of an XML element or attribute.
func (p *printer) text(s string) {
	if p.err == nil {
		p.err = xml.EscapeText(p.w, []byte(s))
	}
}
