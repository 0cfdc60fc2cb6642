package link

import (
	"errors"
	"fmt"
	"time"
)

const (
	// maxDelay keeps sums of times far from overflow.
	maxDelay = time.Hour
	// maxBucket keeps a policer's tokens, in billionths of a bit, within an int64.
	maxBucket = 1 << 30
	// minBucket lets a full-sized datagram pass at all.
	minBucket = 1500
)

// Check says what is wrong with c, and how to mend it; nil if nothing is.
func (c Config) Check() error {
	return errors.Join(c.checkShape(), c.checkChances(), c.checkBurst(), c.checkTimes(), c.checkTargets())
}

func (c Config) checkShape() error {
	switch {
	case c.Delay < 0 || c.Delay > maxDelay:
		return fmt.Errorf("link: Delay is %v: say 0 to %v", c.Delay, maxDelay)
	case c.Jitter < 0 || c.Jitter > maxDelay:
		return fmt.Errorf("link: Jitter is %v: say 0 to %v", c.Jitter, maxDelay)
	case c.Rate < 0:
		return fmt.Errorf("link: Rate is %d bit/s: say 0 for no limit, or a multiple of Kbit, Mbit or Gbit", c.Rate)
	case c.Queue < 0:
		return fmt.Errorf("link: Queue is %d bytes: say 0 for one bandwidth-delay product, or a positive number", c.Queue)
	case c.Queue > 0 && c.Rate == 0:
		return errors.New("link: Queue is set, but a link without a Rate never queues: set Rate too")
	case c.AQM > RED:
		return fmt.Errorf("link: AQM is %d: say TailDrop, CoDel or RED", c.AQM)
	case c.AQM != TailDrop && c.Rate == 0:
		return errors.New("link: AQM is set, but a link without a Rate never queues: set Rate too")
	case c.MTU < 0:
		return fmt.Errorf("link: MTU is %d bytes: say 0 for 1472, or a positive number", c.MTU)
	case c.ECN > Remark:
		return fmt.Errorf("link: ECN is %d: say KeepECN, Bleach or Remark", c.ECN)
	}
	if p := c.Policer; p != nil && (p.Rate <= 0 || p.Burst < minBucket || p.Burst > maxBucket) {
		return fmt.Errorf("link: the Policer has %d bit/s and a Burst of %d bytes: say a positive Rate and a Burst of %d to %d",
			p.Rate, p.Burst, minBucket, maxBucket)
	}
	return nil
}

func (c Config) checkChances() error {
	return errors.Join(chance("Loss", c.Loss), chance("Reorder", c.Reorder), chance("Overtake", c.Overtake),
		chance("Duplicate", c.Duplicate), chance("Corrupt", c.Corrupt), chance("MarkCE", c.MarkCE))
}

func (c Config) checkBurst() error {
	b := c.Burst
	if b == nil {
		return nil
	}
	if b.EnterBad > 0 && b.LeaveBad == 0 {
		return errors.New("link: Burst.LeaveBad is 0, so that a burst never ends: say 1 through its mean length in datagrams, " +
			"or use an Outage")
	}
	if b.LossBad <= b.LossGood {
		return fmt.Errorf("link: Burst.LossBad is %v, and not above LossGood, %v: say 1 if a burst loses everything",
			b.LossBad, b.LossGood)
	}
	return errors.Join(chance("Burst.EnterBad", b.EnterBad), chance("Burst.LeaveBad", b.LeaveBad),
		chance("Burst.LossGood", b.LossGood), chance("Burst.LossBad", b.LossBad))
}

func (c Config) checkTimes() error {
	for i, o := range c.Outages {
		if o.From < 0 || o.Until != 0 && o.Until <= o.From {
			return fmt.Errorf("link: Outages[%d] is from %v until %v: say Until after From, or 0 for ever",
				i, time.Duration(o.From), time.Duration(o.Until))
		}
	}
	for i, m := range c.MTUChanges {
		switch {
		case m.MTU < 0:
			return fmt.Errorf("link: MTUChanges[%d] is to %d bytes: say 0 for 1472, or a positive number", i, m.MTU)
		case i > 0 && m.At <= c.MTUChanges[i-1].At:
			return fmt.Errorf("link: MTUChanges[%d] is not after the one in front: sort them by At", i)
		}
	}
	for i, m := range c.Changes {
		switch {
		case m.Delay < 0 || m.Delay > maxDelay:
			return fmt.Errorf("link: Changes[%d] is to a Delay of %v: say 0 to %v", i, m.Delay, maxDelay)
		case m.Rate < 0:
			return fmt.Errorf("link: Changes[%d] is to %d bit/s: say 0 for no limit, or a multiple of Kbit, Mbit or Gbit", i, m.Rate)
		case i > 0 && m.At <= c.Changes[i-1].At:
			return fmt.Errorf("link: Changes[%d] is not after the one in front: sort them by At", i)
		}
	}
	return nil
}

func (c Config) checkTargets() error {
	for i, t := range c.Drop {
		switch {
		case t.Kind == 0:
			return fmt.Errorf("link: Drop[%d] has no Kind: say Initial, Handshake and so on, or Any", i)
		case t.N == 0:
			return fmt.Errorf("link: Drop[%d] has N 0: datagrams are counted from 1", i)
		}
	}
	return nil
}

// chance says what is wrong with a probability.
func chance(name string, p float64) error {
	switch {
	case p >= 0 && p <= 1:
		return nil
	case p > 1 && p <= 100:
		return fmt.Errorf("link: %s is %v: a probability is from 0 to 1; for %v %% say %v", name, p, p, p/100)
	}
	return fmt.Errorf("link: %s is %v: a probability is from 0 to 1", name, p)
}
