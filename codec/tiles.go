package codec

import (
	"context"
	"slices"

	"github.com/hourglass-go/hourglass/nn"
	"github.com/hourglass-go/hourglass/tensor"
)

// tiles are those of a picture that have one size, in the order of their rows and columns.
type tiles struct {
	h, w int
	at   [][2]int // the first row and column of each
	code nn.Shape // of one
}

// layOut divides a picture into tiles.
func (c *Codec) layOut(height, width int) []tiles {
	side := [2]int{c.shape[0], c.shape[1]}
	free := c.shape[0] == nn.Any
	if free {
		side = [2]int{freeTile, freeTile}
	}
	var all []tiles
	for y := 0; y < height; y += side[0] {
		for x := 0; x < width; x += side[1] {
			h, w := side[0], side[1]
			if free {
				h, w = min(h, height-y), min(w, width-x)
			}
			i := slices.IndexFunc(all, func(t tiles) bool { return t.h == h && t.w == w })
			if i < 0 {
				i = len(all)
				all = append(all, tiles{h: h, w: w})
			}
			all[i].at = append(all[i].at, [2]int{y, x})
		}
	}
	return all
}

// codeShape is the shape of a tile's code as it is stored.
func (c *Codec) codeShape(t tiles) (nn.Shape, error) {
	s, err := c.encoder.Summary(nn.Shape{t.h, t.w, c.shape[2]})
	if err != nil {
		return nil, err
	}
	shape := s.Layers[len(s.Layers)-1].Output.Clone()
	if c.kind == vectors { // of whose layer that is the shape of the first output
		shape[len(shape)-1] = 1
	}
	return shape, nil
}

// batches calls do for the tiles, some at a time.
func (t tiles) batches(do func(at [][2]int) error) error {
	for lo := 0; lo < len(t.at); lo += tileBatch {
		if err := do(t.at[lo:min(lo+tileBatch, len(t.at))]); err != nil {
			return err
		}
	}
	return nil
}

// encode returns the codes of the tiles, one after the other.
func (c *Codec) encode(ctx context.Context, picture *tensor.Tensor, t tiles) ([]float32, error) {
	var codes []float32
	err := t.batches(func(at [][2]int) error {
		batch := tensor.New(len(at), t.h, t.w, c.shape[2])
		for i, corner := range at {
			cut(batch.Sample(i), picture, corner)
		}
		out, err := c.encoder.Run(ctx, batch)
		if err == nil {
			codes = append(codes, out[0].Data...)
		}
		return err
	})
	return codes, err
}

// cut copies a part of a picture, repeating the pixels of its border where it ends.
func cut(part, picture *tensor.Tensor, corner [2]int) {
	h, w, ch := part.Shape[0], part.Shape[1], part.Shape[2]
	for y := range h {
		from := min(corner[0]+y, picture.Shape[0]-1)
		for x := range w {
			at := min(corner[1]+x, picture.Shape[1]-1)
			copy(part.Data[(y*w+x)*ch:][:ch], picture.Data[(from*picture.Shape[1]+at)*ch:])
		}
	}
}

// decode makes the tiles' parts of the picture out of their symbols.
func (c *Codec) decode(ctx context.Context, picture *tensor.Tensor, t tiles, symbols []int32, step float32) error {
	size := t.code.Elems()
	return t.batches(func(at [][2]int) error {
		part := symbols[:len(at)*size]
		symbols = symbols[len(part):]
		shape := append(nn.Shape{len(at)}, t.code...)
		if c.kind == vectors {
			shape[len(shape)-1] = len(c.book[0])
		}
		codes := tensor.New(shape...)
		for i, s := range part {
			if c.kind == vectors {
				copy(codes.Data[i*len(c.book[0]):], c.book[s])
			} else {
				codes.Data[i] = float32(s) * step
			}
		}
		out, err := c.decoder.Run(ctx, codes)
		if err != nil {
			return err
		}
		for i, corner := range at {
			c.paste(picture, out[0].Sample(i), t, corner)
		}
		return nil
	})
}

// paste puts a tile into the picture: of a decoder's output that is larger, since the encoder had
// padded the tile, the middle, the smaller half of what is more cut off first.
func (c *Codec) paste(picture, tile *tensor.Tensor, t tiles, corner [2]int) {
	ch := tile.Shape[2]
	top, left := (tile.Shape[0]-t.h)/2, (tile.Shape[1]-t.w)/2
	w := min(t.w, picture.Shape[1]-corner[1])
	for y := range min(t.h, picture.Shape[0]-corner[0]) {
		from := ((top+y)*tile.Shape[1] + left) * ch
		to := ((corner[0]+y)*picture.Shape[1] + corner[1]) * ch
		copy(picture.Data[to:to+w*ch], tile.Data[from:])
	}
}
