package recipes

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hourglass-go/hourglass/codec"
	"github.com/hourglass-go/hourglass/imageio"
	"github.com/hourglass-go/hourglass/internal/atomicfile"
	"github.com/hourglass-go/hourglass/metrics"
)

// CompressOptions say what is compressed, and where to.
type CompressOptions struct {
	In   string  // a picture
	Out  string  // the file to write
	Step float64 // see [codec.Options]; 0: the usual
}

// Packed is a picture that was compressed.
type Packed struct {
	Input        string   `json:"input"`
	Output       string   `json:"output"`
	Seconds      float64  `json:"seconds"`
	Bytes        int      `json:"bytes"`
	BitsPerPixel float64  `json:"bits_per_pixel"`
	PSNR         float64  `json:"psnr"` // dB, over the whole picture as the encoder saw it
	Step         float64  `json:"step"` // 0 for a code book
	Steps        []string `json:"steps,omitempty"`
}

// Compress stores a picture as a small file by a model file, see package codec.
func Compress(ctx context.Context, model string, o CompressOptions) (*Packed, error) {
	switch info, err := os.Stat(o.In); {
	case err != nil:
		return nil, problem(o.In, "%v, want a picture", underlying(err))
	case info.IsDir():
		return nil, problem(o.In, "it is a folder, want a picture")
	}
	if err := claimFile(o.Out, o.In, model); err != nil {
		return nil, err
	}
	begin := time.Now()
	c, err := openCodec(model)
	if err != nil {
		return nil, err
	}
	p, err := imageio.Open(o.In)
	if err != nil {
		return nil, err
	}
	packed, err := c.Compress(ctx, p, codec.Options{Step: o.Step})
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, problem(o.In, "%v", err)
	}
	if err := atomicfile.WriteBytes(o.Out, packed.File); err != nil {
		return nil, err
	}
	pixels := packed.Prepared.Width * packed.Prepared.Height
	return &Packed{
		Input: o.In, Output: o.Out, Seconds: time.Since(begin).Seconds(), Bytes: len(packed.File),
		BitsPerPixel: float64(8*len(packed.File)) / float64(pixels),
		PSNR:         min(metrics.PSNR(packed.Picture.ToTensor().Data, packed.Prepared.ToTensor().Data), metrics.ExactPSNR),
		Step:         packed.Step, Steps: packed.Steps,
	}, nil
}

func openCodec(path string) (*codec.Codec, error) {
	m, meta, err := loadModel(path)
	if err != nil {
		return nil, err
	}
	c, err := codec.New(m, meta)
	if err != nil {
		return nil, problem(path, "%v", err)
	}
	return c, nil
}

// Unpacked is a picture that was decompressed.
type Unpacked struct {
	Input   string  `json:"input"`
	Output  string  `json:"output"`
	Seconds float64 `json:"seconds"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
}

// maxPacked is the size of the largest file that is read, more than any picture of
// codec.MaxPixels takes.
const maxPacked = 1 << 30

// Decompress makes a picture of a file that Compress has written by the same model.
func Decompress(ctx context.Context, model, in, out string) (*Unpacked, error) {
	if strings.TrimSpace(model) == "" {
		return nil, problem("--model", "which model? It is the one that compressed the file: --model FILE")
	}
	if err := claimPicture(out, in, model); err != nil {
		return nil, err
	}
	begin := time.Now()
	data, err := readPacked(in)
	if err != nil {
		return nil, err
	}
	c, err := openCodec(model)
	if err != nil {
		return nil, err
	}
	p, err := c.Decompress(ctx, data)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, problem(in, "%v", err)
	}
	if err := (job{in: in, out: out}).write(p, nil); err != nil {
		return nil, err
	}
	return &Unpacked{Input: in, Output: out, Seconds: time.Since(begin).Seconds(), Width: p.Width, Height: p.Height}, nil
}

func readPacked(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, problem(path, "%v, want a file that hourglass compress has written", underlying(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPacked+1))
	switch {
	case err != nil:
		return nil, problem(path, "cannot be read: %v", underlying(err))
	case len(data) > maxPacked:
		return nil, problem(path, "more than %d bytes, want a file that hourglass compress has written", maxPacked)
	}
	return data, nil
}
