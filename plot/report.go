package plot

import (
	"bufio"
	"bytes"
	"cmp"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"io"
	"strings"

	"github.com/hourglass-go/hourglass/imageio"
)

// Report is a page of HTML that needs no other file: its pictures are inlined, its
// styles too, and it runs no script. All text is escaped.
type Report struct {
	Title    string
	Lead     string // one or two sentences under the title
	Facts    []Fact // the figures that matter most, shown large
	Sections []Section
	Footer   string
}

// Fact is a figure and what it is.
type Fact struct {
	Value string // "19.2 dB"
	Label string // "PSNR, restored"
}

// Section is a headed part of a report. Its parts appear in the order of the fields.
type Section struct {
	Heading    string
	Paragraphs []string
	Figures    []Figure
	Tables     []Table
	Code       string // commands, or a recipe, as they are typed
}

// Figure is a picture with its caption.
type Figure struct {
	Image   image.Image
	Caption string
	Alt     string // what a reader who cannot see it is told; the caption where empty
}

// Table is rows of text under a head. A cell that begins like a number is aligned to
// the right.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

//go:embed report.css
var reportCSS string

// WriteHTML writes the page. It fails with w's errors and where a figure has no
// picture.
func (r *Report) WriteHTML(w io.Writer) error {
	for _, s := range r.Sections {
		for i, f := range s.Figures {
			if f.Image == nil || f.Image.Bounds().Empty() {
				return fmt.Errorf("plot: figure %d of the section %q has no picture", i+1, s.Heading)
			}
		}
	}
	p := page{bufio.NewWriter(w)}
	p.lines(`<!doctype html>`, `<html lang="en">`, `<head>`, `<meta charset="utf-8">`,
		`<meta name="viewport" content="width=device-width, initial-scale=1">`)
	p.text("title", r.Title)
	p.lines(`<style>`, strings.TrimSpace(reportCSS), `</style>`, `</head>`, `<body>`, `<main>`)
	p.text("h1", r.Title)
	p.text(`p class="lead"`, r.Lead)
	p.facts(r.Facts)
	for _, s := range r.Sections {
		if err := p.section(s); err != nil {
			return err
		}
	}
	p.text("footer", r.Footer)
	p.lines(`</main>`, `</body>`, `</html>`)
	return p.w.Flush()
}

// page writes HTML: without html/template, for the size of programs that hold it
// (docs/decisions/0013). Only element takes text that is not markup, and escapes it;
// an attribute's value is escaped where it is written.
type page struct {
	w *bufio.Writer // keeps the first error
}

// lines writes markup.
func (p page) lines(markup ...string) {
	for _, m := range markup {
		p.w.WriteString(m)
		p.w.WriteByte('\n')
	}
}

// text writes an element that holds the text, and nothing where that is empty. The tag
// may have attributes.
func (p page) text(tag, text string) {
	if text != "" {
		p.lines(element(tag, text))
	}
}

// element returns the element that holds the text.
func element(tag, text string) string {
	name, _, _ := strings.Cut(tag, " ")
	return "<" + tag + ">" + html.EscapeString(text) + "</" + name + ">"
}

func (p page) facts(facts []Fact) {
	if len(facts) == 0 {
		return
	}
	p.lines(`<ul class="facts">`)
	for _, f := range facts {
		p.lines("<li>" + element("strong", f.Value) + element("span", f.Label) + "</li>")
	}
	p.lines(`</ul>`)
}

func (p page) section(s Section) error {
	p.lines(`<section>`)
	p.text("h2", s.Heading)
	for _, t := range s.Paragraphs {
		p.text("p", t)
	}
	for _, f := range s.Figures {
		if err := p.figure(f); err != nil {
			return err
		}
	}
	for _, t := range s.Tables {
		p.table(t)
	}
	p.text("pre", s.Code)
	p.lines(`</section>`)
	return nil
}

func (p page) figure(f Figure) error {
	src, err := inline(f.Image)
	if err != nil {
		return err
	}
	size := f.Image.Bounds().Size()
	p.lines(`<figure>`, fmt.Sprintf(`<img src="%s" width="%d" height="%d" alt="%s">`,
		src, size.X, size.Y, html.EscapeString(cmp.Or(f.Alt, f.Caption))))
	p.text("figcaption", f.Caption)
	p.lines(`</figure>`)
	return nil
}

func (p page) table(t Table) {
	p.lines(`<div class="scroll">`, `<table>`)
	p.text("caption", t.Caption)
	if len(t.Head) > 0 {
		p.lines("<thead>" + row(t.Head, func(string) string { return "th" }) + "</thead>")
	}
	p.lines(`<tbody>`)
	for _, cells := range t.Rows {
		p.lines(row(cells, func(cell string) string {
			if numeric(cell) {
				return `td class="number"`
			}
			return "td"
		}))
	}
	p.lines(`</tbody>`, `</table>`, `</div>`)
}

// row returns a row of cells, each under the tag that suits it.
func row(cells []string, tag func(cell string) string) string {
	var b strings.Builder
	for _, c := range cells {
		b.WriteString(element(tag(c), c))
	}
	return "<tr>" + b.String() + "</tr>"
}

// inline returns the picture as a data URI of a PNG.
func inline(img image.Image) (string, error) {
	var b bytes.Buffer
	if err := imageio.Encode(&b, imageio.FromImage(img), imageio.PNG); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// numeric reports whether the text begins like a number.
func numeric(s string) bool {
	if s == "" {
		return false
	}
	if c := s[0]; (c == '-' || c == '+' || c == '.') && len(s) > 1 {
		s = s[1:]
	}
	return s[0] >= '0' && s[0] <= '9' || s[0] == '.' && len(s) > 1
}
