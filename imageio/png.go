package imageio

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The writer is ours because the standard library's has no grey with alpha, drops an
// alpha channel that happens to be opaque, and knows no profile and no orientation. The
// names are those of the specification (W3C PNG, third edition).

// encodePNG writes p with its channels and depth as they are.
func encodePNG(w io.Writer, p *Picture) error {
	chunk := func(kind string, body []byte) error { return writeChunk(w, kind, body) }
	if _, err := io.WriteString(w, "\x89PNG\r\n\x1a\n"); err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(p.Width))
	head = binary.BigEndian.AppendUint32(head, uint32(p.Height))
	head = append(head, byte(p.Depth), [...]byte{1: 0, 2: 4, 3: 2, 4: 6}[p.Channels], 0, 0, 0)
	if err := chunk("IHDR", head); err != nil {
		return err
	}
	if len(p.ICC) > 0 {
		var b bytes.Buffer
		b.WriteString("ICC profile\x00\x00")
		z := zlib.NewWriter(&b)
		z.Write(p.ICC) // into memory: cannot fail
		z.Close()
		if err := chunk("iCCP", b.Bytes()); err != nil {
			return err
		}
	}
	if p.Orientation != 0 {
		if err := chunk("eXIf", exifBlock(p.Orientation)); err != nil {
			return err
		}
	}
	data := &chunked{w: w}
	if err := writeRows(data, p); err != nil {
		return err
	}
	if err := data.flush(); err != nil {
		return err
	}
	return chunk("IEND", nil)
}

// pngLevel is that of compression. On photographs the default level takes four to six times as
// long, for files that are 4 to 5 % smaller.
const pngLevel = 4

// writeRows compresses the rows, each with the filter that makes the sum of its
// absolute differences least (12.7 of the specification).
func writeRows(w io.Writer, p *Picture) error {
	z, err := zlib.NewWriterLevel(w, pngLevel)
	if err != nil {
		return err
	}
	bpp := p.Channels * p.Depth / 8
	n := p.Width * bpp
	above := make([]byte, n)
	var tries [5][]byte
	for f := range tries {
		tries[f] = make([]byte, 1+n)
		tries[f][0] = byte(f)
	}
	for y := range p.Height {
		row := p.Pix[y*n : (y+1)*n]
		if _, err := z.Write(bestFilter(&tries, row, above, bpp)); err != nil {
			return err
		}
		above = row
	}
	return z.Close()
}

// bestFilter fills tries with the row under each filter and returns the best.
func bestFilter(tries *[5][]byte, row, above []byte, bpp int) []byte {
	none, sub, up, avg, paeth := tries[0][1:], tries[1][1:], tries[2][1:], tries[3][1:], tries[4][1:]
	var cost [5]int
	for i, x := range row {
		var left, corner byte
		if i >= bpp {
			left, corner = row[i-bpp], above[i-bpp]
		}
		b := above[i]
		none[i] = x
		sub[i] = x - left
		up[i] = x - b
		avg[i] = x - byte((int(left)+int(b))/2)
		paeth[i] = x - predict(left, b, corner)
		cost[0] += magnitude(x)
		cost[1] += magnitude(sub[i])
		cost[2] += magnitude(up[i])
		cost[3] += magnitude(avg[i])
		cost[4] += magnitude(paeth[i])
	}
	best := 0
	for f, c := range cost {
		if c < cost[best] {
			best = f
		}
	}
	return tries[best]
}

// magnitude is the size of a difference modulo 256.
func magnitude(b byte) int {
	d := int(int8(b))
	return max(d, -d)
}

// predict is Paeth's predictor: whichever of left, above and corner is nearest to
// left + above - corner.
func predict(left, above, corner byte) byte {
	a, b, c := int(left), int(above), int(corner)
	abs := func(v int) int { return max(v, -v) }
	pa, pb, pc := abs(b-c), abs(a-c), abs(a+b-2*c)
	switch {
	case pa <= pb && pa <= pc:
		return left
	case pb <= pc:
		return above
	}
	return corner
}

// writeChunk writes one chunk: length, type, body, CRC of type and body.
func writeChunk(w io.Writer, kind string, body []byte) error {
	out := make([]byte, 0, len(body)+12)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	out = append(append(out, kind...), body...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
	_, err := w.Write(out)
	return err
}

// chunked cuts a stream into IDAT chunks.
type chunked struct {
	w   io.Writer
	buf []byte
}

func (c *chunked) Write(b []byte) (int, error) {
	c.buf = append(c.buf, b...)
	if len(c.buf) >= 1<<16 {
		return len(b), c.flush()
	}
	return len(b), nil
}

func (c *chunked) flush() error {
	if len(c.buf) == 0 {
		return nil
	}
	err := writeChunk(c.w, "IDAT", c.buf)
	c.buf = c.buf[:0]
	return err
}
