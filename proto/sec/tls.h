/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS on a socket that does not block: 1.3 and 1.2, authenticated ciphers and ephemeral keys only,
 * no tickets, no renegotiation, no compression (threats.md 2). Names of machines play no part:
 * our clients know the key that a server must have, from its site record, and a server takes any
 * certificate that its client can prove to hold; whether its key is that of who it names is for
 * the service to find out (protocol.md 15.4). It makes no decision about time either: neither
 * clock nor validity is looked at. Not part of libhelve.
 */
#pragma once
#include <sys/types.h>

#include "proto/sec/key.h"

/* What all connections of one side share. Immutable, any thread; connections do not need it any
 * more once they are made. */
struct hlv_tls;

/* `chain`: certificates in PEM, the one of `key` first. Empty: a certificate is made, signed by its
 * own key, so that a client that knows the server's public key knows whom it speaks to. RSA below
 * 2048 bits, DSA and SM2 are no keys for TLS; the certificate then gets a P-256 key of its own,
 * that nobody can know beforehand. HLV_E_UNSUPPORTED, HLV_E_MALFORMED: `why` (256 octets). */
enum hlv_err HLV_MUST_USE hlv_tls_server_new(const struct hlv_key *key, struct hlv_bytes chain,
					     struct hlv_tls **out, char *why);
/* With `key`: a certificate for it under `name` ("300:0.NA/1") as subject UID, signed by itself,
 * for servers that ask for one. NULL: none. */
enum hlv_err HLV_MUST_USE hlv_tls_client_new(const struct hlv_key *key, const char *name,
					     struct hlv_tls **out, char *why);
void hlv_tls_free(struct hlv_tls *tls);

/* One connection over a socket, which stays the caller's. */
struct hlv_tls_io;

/* `first`: octets that were read from the socket already. NULL without memory. */
struct hlv_tls_io *hlv_tls_accept(const struct hlv_tls *tls, int fd, struct hlv_bytes first);
struct hlv_tls_io *hlv_tls_connect(const struct hlv_tls *tls, int fd);
void hlv_tls_io_free(struct hlv_tls_io *io);

enum hlv_tls_state { HLV_TLS_DONE, HLV_TLS_WANTS_READ, HLV_TLS_WANTS_WRITE, HLV_TLS_FAILED };
/* Go on with the handshake; after HLV_TLS_WANTS_… when the socket is ready for that. */
enum hlv_tls_state hlv_tls_handshake(struct hlv_tls_io *io);

/* As recv(2) and send(2) that do not wait: 0 at the end (only recv), -1 and errno: EAGAIN, or what
 * ended the connection. A send that gave EAGAIN is repeated with the same octets in front. */
ssize_t hlv_tls_recv(struct hlv_tls_io *io, void *p, size_t n);
ssize_t hlv_tls_send(struct hlv_tls_io *io, const void *p, size_t n);
/* Octets have been read from the socket that recv would give at once: no event will tell. */
bool hlv_tls_pending(const struct hlv_tls_io *io);
/* The last recv gave EAGAIN because something must be sent first. */
bool hlv_tls_recv_wants_write(const struct hlv_tls_io *io);
/* Tell the peer, if the socket takes it, that nothing more is sent. */
void hlv_tls_shutdown(struct hlv_tls_io *io);

/* After the handshake; empty when the peer showed no certificate. They live as long as `io`. The
 * name is the subject's UID, else its CN; the key its SubjectPublicKeyInfo. */
struct hlv_bytes hlv_tls_peer_name(const struct hlv_tls_io *io);
struct hlv_bytes hlv_tls_peer_key(const struct hlv_tls_io *io);
/* Is it the holder of this public key? */
bool hlv_tls_peer_is(const struct hlv_tls_io *io, const struct hlv_key *key);
