/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP: connections that stay, pipelined messages, deadlines and limits (threats.md 2, protocol.md
 * 10.2, decisions.md 14). A connection at rest owns one small struct and nothing else: octets are
 * read into the worker's buffer and answered from it; only a message that has come in part, or an
 * answer that the peer does not take, gets memory of its own.
 */
#pragma once
#include "proto/net/front.h"

struct hlv_tcp;
/* What the octets mean: native messages, or what the front ends in rooms above bring. */
struct conn_speech;
extern const struct conn_speech conn_native;

/* Takes `fd`, a listening socket: of TCP, or the control socket, whose peers are the system's users
 * and no strangers. `shared` is for the speech. NULL without memory. */
struct hlv_tcp *hlv_tcp_open(struct hlv_front *front, int fd, const struct conn_speech *speech,
			     void *shared);
/* Nothing more is accepted or read; answers of many messages end where they are. */
void hlv_tcp_stop(struct hlv_tcp *tcp);
/* After mail was opened: what came home goes out. */
void hlv_tcp_mail_end(struct hlv_tcp *tcp);
/* Closes the listener and every connection. No exchange may be away. */
void hlv_tcp_close(struct hlv_tcp *tcp);
