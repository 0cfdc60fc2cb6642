// Package port holds the edges between rooms: the messages, one file an arrow, and nothing else.
//
// A room's inbox carries one marker interface (ToConn, ToStream, ...), implemented by pointers to records. A record is
// the slot or the batch that pays for the message, so that sending allocates nothing; after a send it belongs to the
// receiver until the receiver frees it or hands it on.
//
// What one turn of conn, h3 or the streams has for all streams, for conn or for h3 is gathered and handed over as one
// (actor.Outbox): the quotas below count what is in it.
//
//	from       to         messages                     in flight                       freed by            when full
//	reader     protect    RxBatch                      128, 16 large (lossy)         last stream flush   dropped, counted
//	protect    conn       RxBatch                      the same, + 3 replays           conn, streams       a bug
//	conn       protect    TxBatch                      1 small + 4 big                 writer, home        a bug
//	conn       protect    InitialKeys, InstallKeys,    12                              collector           a bug
//	                      DropKeys, UpdateKeys,
//	                      DropPrevious, Rest
//	protect    writer     TxBatch                      5 a connection                  writer, home        a bug
//	writer     conn       TxBatch (home)               4 big, 1 small if wanted        conn                a bug
//	pool       conn       BatchFree                    1                               conn                a bug
//	conn       handshake  Order                        1, answered                     handshake           a bug
//	handshake  conn       Answer                       1                               conn                a bug
//	conn       stream     Deliver, Wake                1 each (Pair)                   stream              merged
//	stream     conn       Push, StreamWake             1 each a stream (Pair)          conn                merged
//	stream     h3         Read, StreamWake             1 each a stream (Pair)          h3                  merged
//	h3         stream     Write, Wake                  1 each (Pair)                   stream              merged
//	conn       h3         Connected, StreamCredit      1 each                          h3                  merged
//	h3         conn       CloseOrder, CreditTaken      2 (1 behind requests), 1        conn                merged
//	app        h3         Open, Send, Taken, Cancel    1 each an exchange              h3                  the caller waits
//	app        h3         Goodbye                      1                               h3                  ignored
//	h3         app        Delivery, Sent               1 each an exchange, + the last  app                 merged
//	app        conn       CloseOrder                   1                               conn                ignored
//	supervisor conn       CloseOrder, Notice           1, 1 a kind                     conn                ignored
//	reader     endpoint   RxBatch without a route      64 (lossy)                      endpoint            dropped, counted
//	endpoint   writer     TxBatch, its own             64                             the socket           not sent
//	supervisor endpoint   Closed                       1 a connection                  endpoint            a bug
//	any        timer      Posted                       1 a cell                        timer               merged in the cell
//	alarm      timer      Tick                         4                               timer               merged
//	timer      any        Fired                        1 a room                        the room            merged in the cell
//	conn       all        Stop                         1 a room                        the room            a bug
//	supervisor all        Stop                         1 a room                        the room            a bug
package port
