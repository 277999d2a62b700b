package imageio

// orientations says, for EXIF's numbers 1 to 8, how a picture is turned for viewing:
// first transposed (rows become columns), then mirrored left-right, then upside down.
var orientations = [9]struct{ transpose, mirror, flip bool }{
	2: {mirror: true},
	3: {mirror: true, flip: true},
	4: {flip: true},
	5: {transpose: true},
	6: {transpose: true, mirror: true},
	7: {transpose: true, mirror: true, flip: true},
	8: {transpose: true, flip: true},
}

// Upright returns the picture turned as its Orientation says, with an Orientation of 1;
// p itself where nothing is to be turned. Pixels are moved, not resampled.
func (p *Picture) Upright() *Picture {
	if p.Orientation <= 1 || p.Orientation >= len(orientations) {
		return p
	}
	o := orientations[p.Orientation]
	w, h := p.Width, p.Height
	if o.transpose {
		w, h = h, w
	}
	q := p.like(w, h, p.Channels)
	q.Orientation = 1
	size := p.Channels * p.Depth / 8
	for y := range h {
		for x := range w {
			sx, sy := x, y
			if o.mirror {
				sx = w - 1 - sx
			}
			if o.flip {
				sy = h - 1 - sy
			}
			if o.transpose {
				sx, sy = sy, sx
			}
			d, s := (y*w+x)*size, (sy*p.Width+sx)*size
			copy(q.Pix[d:d+size], p.Pix[s:s+size])
		}
	}
	return q
}
