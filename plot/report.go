package plot

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"io"

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

//go:embed report.html
var reportHTML string

// The template is parsed when the first report is written, not when a program starts.
func parseReport() (*template.Template, error) {
	return template.New("report").Funcs(template.FuncMap{"inline": inline, "numeric": numeric}).Parse(reportHTML)
}

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
	t, err := parseReport()
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

// inline returns the picture as a data URI of a PNG.
func inline(img image.Image) (template.URL, error) {
	var b bytes.Buffer
	if err := imageio.Encode(&b, imageio.FromImage(img), imageio.PNG); err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
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
