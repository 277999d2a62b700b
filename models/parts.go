package models

import (
	"fmt"

	"github.com/hourglass-go/hourglass/nn"
)

// The nodes at which every autoencoder can be cut.
const (
	codeNode   = "code"
	pixelsNode = "pixels" // the picture before it is cropped to the input's size
)

// Encoder is the part of an autoencoder from its input to its code, with the same weights. It
// fails where the model has no layer called "code".
func Encoder(m *nn.Model) (*nn.Model, error) {
	code := m.Node(codeNode)
	if code == nil {
		return nil, fmt.Errorf("models: the model has no layer called %q, so there are no codes", codeNode)
	}
	return nn.NewModel(m.Inputs()[0], code)
}

// Decoder is the part of an autoencoder from its code to the picture, with the same weights. Of a
// model that takes pictures of any size it is the part up to the layer called "pixels": the
// picture is as large as the code makes it, not cropped to one that was the input. It fails where the
// model has no code, or where its decoder needs more than that, as an unpooling one needs masks.
func Decoder(m *nn.Model) (*nn.Model, error) {
	code := m.Node(codeNode)
	if code == nil {
		return nil, fmt.Errorf("models: the model has no layer called %q, so there is nothing to decode", codeNode)
	}
	return DecoderFrom(m, code)
}

// DecoderFrom is [Decoder] from another node of the model than its code.
func DecoderFrom(m *nn.Model, code *nn.Node) (*nn.Model, error) {
	whole, err := nn.NewModelOf([]*nn.Node{code}, m.Outputs())
	if err == nil {
		return whole, nil
	}
	if pixels := m.Node(pixelsNode); pixels != nil {
		if part, err := nn.NewModel(code, pixels); err == nil {
			return part, nil
		}
	}
	return nil, fmt.Errorf("models: the decoder needs more than the code: %w", err)
}
