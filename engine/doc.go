// Package engine puts the rooms together: it opens sockets, spawns the rooms of each connection, connects their edges,
// and sees to it that everybody leaves. It is the only place that says `go`, and it does so through a World, which a
// simulator implements too.
//
// A socket has a reader and a writer, a timer, and, on a server, an endpoint for the datagrams that lead to no
// connection. A connection has the rooms protect, handshake, conn, one a stream, and the one above the streams: the h3
// router, or the raw room behind Dial and Listen. A supervisor counts them. A panic in one of them ends that connection
// and no other.
//
// Package api is the facade for HTTP. For any other protocol a program takes the channels of Conn and Stream: commands
// in, events out. They bind the embedder to the following.
//
//  1. Set tls.Config.NextProtos to the protocol's name. A client sets ServerName too, a server a certificate.
//  2. Receive from Listener.Accept until Listener.Done. A connection that finds MaxConns others waiting is refused, and
//     one may have died while it waited: rule 3 holds for it all the same.
//  3. Receive from Conn.Events until the channel is closed, whatever happens; its last event is ConnClosed. Until
//     somebody receives, the connection's commands are served but new streams wait.
//  4. Receive from the Events of every stream that was Opened or Accepted until the channel is closed. It is closed
//     behind the second of ReadEnded and WriteEnded, which come at the latest with the connection's end.
//  5. Call Release once for each Received, when its bytes are used up. They must not be touched after it. No more bytes
//     come before it; this is what slows the peer down.
//  6. After a Write leave its bytes alone until Wrote, or until WriteEnded.
//  7. Keep at most 16 Writes of a stream unanswered. Beyond, Commands blocks until one is answered, and a ResetStream
//     behind them has to wait as well. Keep at most 15 OpenStreams of a connection unanswered: behind 16 a CloseConn waits.
//  8. Send no command without an eye on the end: select on Stream.Done, or Conn.Done, beside Commands. A stream may have
//     ended by the time that Opened brings it.
//  9. End both halves of every stream: a Write with Fin or a ResetStream, and reading to ReadEnded or a StopStream. Until
//     then the stream counts against the limits of both sides.
//  10. Close the connection by CloseConn, the listener by Close, the engine by Engine.Close. Each tells the peer; the
//     latter two wait until every room has left. CloseConn does not wait for bytes on their way. While 16 OpenStreams wait
//     for the peer, Commands takes no CloseConn either: then nothing but the peer, the idle timeout, Listener.Close or
//     Engine.Close ends the connection. A stream that has not ended keeps a connection alive, by PINGs, however silent it is:
//     the idle timeout is for connections without streams and for peers that have gone.
//
// A stream is bytes in order, without boundaries: a Write may have any length, one Received may bring parts of several
// Writes, and one Write may come as several. A stream's commands are obeyed in the order in which they were received, but
// a ResetStream drops the Writes before it that were not answered. Among streams there is no order: Accepted comes as the
// streams' first packets arrive, which need not be the order of their numbers.
//
// # HTTP/3 on channels
//
// DialH3 and ListenH3 give the messages of HTTP/3 without net/http. An exchange (`go doc quicpro/actors/port Exchange`) is one
// request and its response; its orders (OpenOrder, TakenOrder, CancelOrder, and what port.NewSendIn returns) have their Exchange
// set, and Home may stay nil.
//
//  1. A client takes a credit with H3Conn.Exchange, fills OpenOrder, and calls Open. When the last Delivery and the last Sent have
//     come it calls Release, once. With Fin in OpenOrder no Sent comes.
//  2. A server's H3Handler gets the exchange. The request's head is the first Delivery's Heads[0], pseudo-header fields first. The
//     func that it returns ends with Send or Cancel with HandlerDone, then Handled. A panic of that func is not recovered: it ends the
//     program.
//  3. Receive from Exchange.Reads until a Delivery with Last. Answer each with Taken when its bytes are used up, and each Piece's
//     Chunk released, unless Err or Used is set; behind that leave the Delivery alone. TakenOrder.Bytes may stay zero.
//  4. Wait for the Sent in Exchange.Writes before the next Send. Nobody checks: a second one overwrites the first. NewSendIn returns
//     the same record each time, so set every field of it. A Send's Chunks come from H3Conn.Chunks; append to B.
//  5. A response whose fields exceed Exchange.Limit, if that is not 0, is reset with H3_INTERNAL_ERROR: the peer does not accept it.
//  6. A handler that has read its request hears of a client that went away by the last Sent, whose Err says why: nothing comes in
//     Reads behind Last, and H3Conn.Context ends only with the connection.
//  7. What is sent is not checked: a field name in upper case, or a value with CR or LF, makes the peer reset the stream. Check what
//     comes from users.
package engine
