package nn

// AttentionGate weighs the pixels of a skip connection by what the decoder, which has seen
// more of the picture, makes of them (Oktay et al. 2018, "Attention U-Net", 2.2). It is no
// layer but a piece of a graph: [AttentionGate.Build] puts it together of layers. With x the
// skip connection [H, W, C] and g the gating signal, the decoder's value of the stage below,
// [H', W', D]:
//
//	q = psi · relu(Wx*x + Wg*g + b) + c      at the size of g
//	alpha = sigmoid(q)                       one number a pixel
//	y = x * alpha, alpha resized to H x W    [H, W, C]
//
// Wx is a convolution whose kernel and stride are the ratio of the sizes, without bias; Wg and
// psi are convolutions of single pixels. Should the sizes not be in that ratio, as when H is
// odd, Wg*g is resized to that of Wx*x. All resizing is bilinear.
type AttentionGate struct {
	// Units is the number of channels that x and g meet in; half of C, but at least 1,
	// where it is 0.
	Units int
	// Stride is H/H' and W/W', rounded up; {2, 2} where it is not set, {1, 1} for g of x's size.
	Stride [2]int
	// Output adds what the authors' program has behind the product: a convolution of single
	// pixels to C channels, here without the bias that the batch normalisation then takes away.
	Output bool
}

// Build adds the gate to a graph and returns y and alpha, which is [H, W, 1]. Its layers are
// called after name: NAME_x, NAME_g, NAME_psi, and with Output NAME_out and NAME_norm. A
// mistake is kept in the nodes and reported by [NewModel].
func (a AttentionGate) Build(name string, x, g *Node) (y, alpha *Node) {
	channels := 1
	if s := x.Shape(); len(s) > 0 {
		channels = max(s[len(s)-1], 1)
	}
	if a.Units == 0 {
		a.Units = max(channels/2, 1)
	}
	a.Stride = orPair(a.Stride, [2]int{2, 2})
	one := [2]int{1, 1}
	h := Named(name+"_x", Conv2D{Filters: a.Units, Kernel: a.Stride, Stride: a.Stride, Padding: Same, NoBias: true}).Apply(x)
	signal := Named(name+"_g", Conv2D{Filters: a.Units, Kernel: one}).Apply(g)
	if !h.Shape().Equal(signal.Shape()) || !h.Shape().Known() {
		signal = Named(name+"_g_size", Resize{}).Apply(signal, h)
	}
	h = Named(name+"_relu", Activation{ReLU}).Apply(Named(name+"_add", Add{}).Apply(h, signal))
	alpha = Named(name+"_psi", Conv2D{Filters: 1, Kernel: one, Activation: Sigmoid}).Apply(h)
	if a.Stride != one {
		alpha = Named(name+"_size", Resize{}).Apply(alpha, x)
	}
	y = Named(name+"_gate", Multiply{}).Apply(x, alpha)
	if a.Output {
		y = Named(name+"_out", Conv2D{Filters: channels, Kernel: one, NoBias: true}).Apply(y)
		y = Named(name+"_norm", BatchNorm{}).Apply(y)
	}
	return y, alpha
}
