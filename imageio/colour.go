package imageio

import "fmt"

// Gray returns the picture's luma, with the alpha channel kept: grey pictures come back
// as they are. The protocol is BT.601 at full range, on the gamma-coded samples as they
// stand, Y = .299 R + .587 G + .114 B, rounded to nearest (what PIL calls "L", not
// MATLAB's rgb2ycbcr, whose Y lies in 16 to 235). A profile describes colours, so it
// does not fit the luma and is left behind.
func (p *Picture) Gray() *Picture {
	if p.Channels < 3 {
		return p
	}
	q := p.like(p.Width, p.Height, p.Channels-2)
	q.ICC = nil
	for i, n := 0, p.Width*p.Height; i < n; i++ {
		s := i * p.Channels
		y := (299*p.sample(s) + 587*p.sample(s+1) + 114*p.sample(s+2) + 500) / 1000
		q.setSample(i*q.Channels, y)
		if q.Channels == 2 {
			q.setSample(2*i+1, p.sample(s+3))
		}
	}
	return q
}

// RGB returns the picture with three colour channels, a grey one's all equal, and the
// alpha channel kept; p itself where it has them. A grey profile does not fit colours
// and is left behind.
func (p *Picture) RGB() *Picture {
	switch p.Channels {
	case 1:
		q := p.rgba().dropAlpha()
		q.ICC = nil
		return q
	case 2:
		q := p.rgba()
		q.ICC = nil
		return q
	}
	return p
}

// SplitAlpha returns the colour channels and the alpha channel as pictures of their
// own; the second is nil where p has no alpha, and the first is then p itself. The
// colours are straight: nothing is multiplied.
func (p *Picture) SplitAlpha() (colour, alpha *Picture) {
	if !p.HasAlpha() {
		return p, nil
	}
	alpha = p.like(p.Width, p.Height, 1)
	alpha.ICC = nil
	for i := range p.Width * p.Height {
		alpha.setSample(i, p.sample((i+1)*p.Channels-1))
	}
	return p.dropAlpha(), alpha
}

// JoinAlpha is the inverse of SplitAlpha: p with the given opacity. It fails where p
// has an alpha channel already, or where the sizes or depths differ.
func (p *Picture) JoinAlpha(alpha *Picture) (*Picture, error) {
	if p.HasAlpha() || alpha.Channels != 1 || alpha.Width != p.Width || alpha.Height != p.Height || alpha.Depth != p.Depth {
		return nil, fmt.Errorf("imageio: %v cannot be the opacity of %v", alpha, p)
	}
	q := p.like(p.Width, p.Height, p.Channels+1)
	for i := range p.Width * p.Height {
		for c := range p.Channels {
			q.setSample(i*q.Channels+c, p.sample(i*p.Channels+c))
		}
		q.setSample((i+1)*q.Channels-1, alpha.sample(i))
	}
	return q, nil
}

// dropAlpha returns the colour channels of a picture with alpha, as they are.
func (p *Picture) dropAlpha() *Picture {
	q := p.like(p.Width, p.Height, p.Channels-1)
	for i := range p.Width * p.Height {
		for c := range q.Channels {
			q.setSample(i*q.Channels+c, p.sample(i*p.Channels+c))
		}
	}
	return q
}

// Flatten lays the picture over a uniform background of the grey level v, 0 (black) to
// 1 (white), and returns the opaque result; p itself where it has no alpha.
func (p *Picture) Flatten(v float64) *Picture {
	if !p.HasAlpha() {
		return p
	}
	q := p.like(p.Width, p.Height, p.Channels-1)
	most := p.Max()
	back := int(min(max(v, 0), 1)*float64(most) + .5)
	for i := range p.Width * p.Height {
		a := p.sample((i+1)*p.Channels - 1)
		for c := range q.Channels {
			s := p.sample(i*p.Channels+c)*a + back*(most-a)
			q.setSample(i*q.Channels+c, (s+most/2)/most)
		}
	}
	return q
}

// Invert returns the negative: every colour sample v becomes Max-v, opacity stays.
func (p *Picture) Invert() *Picture {
	q := p.Clone()
	for i := range q.samples() {
		if p.HasAlpha() && i%p.Channels == p.Channels-1 {
			continue
		}
		q.setSample(i, p.Max()-p.sample(i))
	}
	return q
}

// To8 returns the picture with 8 bits a sample, rounded to nearest; p itself where it
// has them.
func (p *Picture) To8() *Picture {
	if p.Depth == 8 {
		return p
	}
	q := New(p.Width, p.Height, p.Channels, 8)
	q.Metadata = p.Metadata
	for i := range q.Pix {
		q.Pix[i] = byte((p.sample(i)*255 + 32767) / 65535)
	}
	return q
}

// To16 returns the picture with 16 bits a sample, exactly (v*257); p itself where it
// has them.
func (p *Picture) To16() *Picture {
	if p.Depth == 16 {
		return p
	}
	q := New(p.Width, p.Height, p.Channels, 16)
	q.Metadata = p.Metadata
	for i, v := range p.Pix {
		q.Pix[2*i], q.Pix[2*i+1] = v, v
	}
	return q
}
