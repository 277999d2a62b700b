package nn

import "slices"

// keeper goes through a training step under a budget of memory, as Kirisame et al. 2021 (Dynamic
// Tensor Rematerialization) do while one runs: where there is no room, it drops what is cheap to
// compute again, large, and not wanted soon. What the backward pass wants and is not there, it
// computes again then, with what that takes. The budget is a wish: where nothing is left to
// drop, more is taken.
type keeper struct {
	p      *plan
	items  []item
	makes  [][]int // by step, the items that it makes
	reads  [][]int // by step, those that its forward pass reads
	wants  [][]int // by step, those that its backward pass reads
	around work

	budget int
	live   int   // elements
	now    int   // the steps forward, and then backward, are numbered throughout
	left   int64 // what computing again may still cost, see [plan.cost]
	back   []action

	visits  int   // of lacking
	visited []int // by step, the last visit
}

// item is what a step makes: a value and its views, or what it saves.
type item struct {
	step, elems int
	uses        []int // when it is read, by the numbers of now
	pins        int   // 0 if it may be dropped
	live        bool
}

// work is the elements of the arena beside items, by step: in its forward pass, when its
// backward pass begins, when that has the gradients by its inputs, and before.
type work struct{ forward, begin, end, before []int }

// newKeeper prepares for a plan that keeps all.
func newKeeper(p *plan) *keeper {
	steps := len(p.graph.steps)
	k := &keeper{p: p, makes: make([][]int, steps), reads: make([][]int, steps), wants: make([][]int, steps), visited: make([]int, steps)}
	itemOf := slices.Repeat([]int{-1}, len(p.graph.shapes)) // none for an input
	add := func(step, elems int) int {
		k.items = append(k.items, item{step: step, elems: alignUp(elems)})
		k.makes[step] = append(k.makes[step], len(k.items)-1)
		return len(k.items) - 1
	}
	for i, s := range p.graph.steps {
		if p.routines[i].View {
			itemOf[s.out[0]] = itemOf[s.in[0]]
			continue
		}
		for _, v := range s.in {
			if x := itemOf[v]; x >= 0 {
				k.reads[i] = append(k.reads[i], x)
				if p.keepsIn(i, v) {
					k.wants[i] = append(k.wants[i], x)
				}
			}
		}
		for _, v := range s.out {
			if itemOf[v] = add(i, p.elems(v)); p.keepsOut(i) {
				k.wants[i] = append(k.wants[i], itemOf[v])
			}
		}
		if n := p.routines[i].Saved; n > 0 {
			if x := add(i, n); p.backward(i) {
				k.wants[i] = append(k.wants[i], x)
			}
		}
	}
	for _, v := range p.graph.outputs {
		if x := itemOf[v]; x >= 0 {
			k.items[x].pins++
		}
	}
	k.findUses()
	k.findWork()
	return k
}

func (k *keeper) findUses() {
	use := func(items []int, now int) {
		for _, x := range items {
			k.items[x].uses = append(k.items[x].uses, now)
		}
	}
	for i, items := range k.reads {
		use(items, i)
	}
	for i, items := range slices.Backward(k.wants) {
		use(items, k.backwardNow(i))
	}
}

func (k *keeper) backwardNow(step int) int { return 2*len(k.reads) - 1 - step }

func (k *keeper) findWork() {
	p := k.p
	isItem := make([]bool, len(p.buffers))
	for _, b := range slices.Concat(p.storage, p.saved) {
		if b >= 0 {
			isItem[b] = true
		}
	}
	at := func(moment int, before bool) (elems int) {
		for i, b := range p.buffers {
			if s := b.spans; !isItem[i] && s[0].first <= moment && moment <= s[0].last && !(before && s[0].first == moment) {
				elems += alignUp(b.elems)
			}
		}
		return elems
	}
	for i := range p.graph.steps {
		k.around.forward = append(k.around.forward, at(i, false))
		k.around.begin = append(k.around.begin, at(p.backwardAt[i], false))
		k.around.end = append(k.around.end, at(p.inputGradAt[i], false))
		k.around.before = append(k.around.before, at(p.backwardAt[i], true))
	}
}

// run returns what happens after the forward pass under a budget, unless computing again costs
// more than allowed.
func (k *keeper) run(budget int, allowed int64) (back []action, ok bool) {
	k.budget, k.live, k.left, k.back = budget, 0, allowed, nil
	for x := range k.items {
		k.items[x].live = false
	}
	for i := range k.reads {
		k.now = i
		k.forward(i, 0)
	}
	for i := range slices.Backward(k.reads) {
		k.now = k.backwardNow(i)
		if k.backward(i); k.left < 0 {
			return nil, false
		}
	}
	return k.back, true
}

// forward runs a step where so much is in use beside items.
func (k *keeper) forward(i, beside int) {
	k.want(k.reads[i], beside)
	more := k.around.forward[i] + beside
	for _, x := range k.makes[i] {
		if !k.items[x].live {
			more += k.items[x].elems
		}
	}
	k.makeRoom(more)
	for _, x := range k.makes[i] {
		if it := &k.items[x]; !it.live {
			it.live = true
			k.live += it.elems
		}
	}
	k.unpin(k.reads[i])
	k.release(k.makes[i])
}

func (k *keeper) backward(i int) {
	k.want(k.wants[i], k.around.before[i])
	k.makeRoom(k.around.begin[i])
	k.back = append(k.back, action{step: i})
	k.unpin(k.wants[i])
	if k.p.routines[i].InputGradLast {
		k.makeRoom(k.around.end[i])
	}
}

// want pins items and computes again those that are not there.
func (k *keeper) want(items []int, beside int) {
	for _, x := range items {
		k.items[x].pins++
	}
	for _, x := range items {
		if i := k.items[x].step; !k.items[x].live && k.left >= 0 {
			k.forward(i, beside)
			k.left -= k.p.cost(i)
			k.back = append(k.back, action{i, true})
		}
	}
}

// unpin ends what want began.
func (k *keeper) unpin(items []int) {
	for _, x := range items {
		k.items[x].pins--
	}
	k.release(items)
}

// release drops the items that nobody will read.
func (k *keeper) release(items []int) {
	for _, x := range items {
		if it := &k.items[x]; it.live && it.pins == 0 && it.next(k.now) < 0 {
			k.drop(x)
		}
	}
}

func (k *keeper) drop(x int) {
	k.items[x].live = false
	k.live -= k.items[x].elems
}

// next is when the item is read next, -1 for never.
func (x *item) next(now int) int {
	for _, u := range x.uses {
		if u > now {
			return u
		}
	}
	return -1
}

// makeRoom drops items until there is room for more elements.
func (k *keeper) makeRoom(more int) {
	for k.live+more > k.budget {
		best, least := -1, 0.0
		for x := range k.items {
			it := &k.items[x]
			next := it.next(k.now)
			if !it.live || it.pins > 0 || next < len(k.reads) { // the forward pass does not stop for it
				continue
			}
			loss := float64(k.lacking(x)) / (float64(it.elems) * float64(next-k.now))
			if best < 0 || loss < least {
				best, least = x, loss
			}
		}
		if best < 0 {
			return
		}
		k.drop(best)
	}
}

// lacking is the cost of making an item from those that are there.
func (k *keeper) lacking(x int) int64 {
	k.visits++
	return k.visit(k.items[x].step)
}

func (k *keeper) visit(step int) int64 {
	if k.visited[step] == k.visits {
		return 0
	}
	k.visited[step] = k.visits
	cost := k.p.cost(step)
	for _, x := range k.reads[step] {
		if !k.items[x].live {
			cost += k.visit(k.items[x].step)
		}
	}
	return cost
}
