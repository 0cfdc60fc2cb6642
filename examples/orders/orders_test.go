package orders

import (
	"testing"
	"time"

	"quicpro/api"
	"quicpro/sim"
)

// sell orders one item over a link that loses one datagram in five, and reports how often it was booked.
func sell(t *testing.T, seed sim.Seed, shop *Shop) (booked int) {
	sim.Run(t, seed, func(w *sim.World) {
		srv := w.Server("shop", &api.Server{Handler: shop})
		c := w.Client("customer", sim.Link{Delay: 40 * time.Millisecond, Loss: 0.2})
		if err := Order(w.Context("customer"), c, srv.URL(""), "teapot"); err != nil {
			t.Logf("seed %d: no order: %v", seed, err)
		}
		booked = shop.Booked("teapot")
	})
	return booked
}

// An order is booked once. In this shop it is not: when the answer is lost, the customer asks again. The seed that shows it
// shows it every time.
func TestAnOrderIsBookedOnce(t *testing.T) {
	for seed := range sim.Seed(200) {
		if n := sell(t, seed, &Shop{}); n > 1 {
			t.Logf("seed %d: a hasty shop books one order %d times", seed, n)
			if again := sell(t, seed, &Shop{}); again != n {
				t.Errorf("seed %d: %d times, and then %d", seed, n, again)
			}
			if careful := sell(t, seed, &Shop{Careful: true}); careful > 1 {
				t.Errorf("seed %d: a careful shop books one order %d times", seed, careful)
			}
			return
		}
	}
	t.Error("200 seeds have not found the bug")
}
