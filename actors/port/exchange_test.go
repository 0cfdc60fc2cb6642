package port

import "testing"

// The memory of a last Delivery serves others as soon as the app is done with it; that of another one, or of nobody's, stays.
func TestADeliveryThatIsDoneIsGivenBack(t *testing.T) {
	x := NewExchange(nil)
	first, second := x.Own.Parcel(0), x.Own.Parcel(1)
	x.Done(&Delivery{Last: true})
	if x.Own.Parcel(0) != first || x.Own.Parcel(1) != second {
		t.Error("a delivery of nobody's took one of the exchange's with it")
	}
	first.Last = true
	x.Done(&first.Delivery)
	if x.Own.Parcels != [2]*Parcel{nil, second} {
		t.Errorf("after the first is done the exchange has %v", x.Own.Parcels)
	}
	if p := x.Own.Parcel(0); p.Last || p.Length != -1 || cap(p.Heads) != 1 || cap(p.Pieces) != 2 {
		t.Errorf("the next begins with %+v", p.Delivery)
	}
}

// An Open that comes too late may be answered twice: by the engine, and by its release on another goroutine, while the app is done
// with the first answer.
func TestALateOpenLeavesTheParcelsToTheApp(t *testing.T) {
	x := NewExchange(nil)
	x.OpenOrder.Fin = true
	x.Reads.Offer(&Delivery{Last: true})
	d, _ := x.Reads.Take()
	released := make(chan bool)
	go func() {
		x.OpenOrder.Release()
		close(released)
	}()
	x.Done(d)
	<-released
	if x.Own.Parcels != [2]*Parcel{} {
		t.Error("the release has made a parcel")
	}
	if d, ok := x.Reads.Take(); !ok || !d.Last || d.Err == nil {
		t.Errorf("the second answer is %+v", d)
	}
}
