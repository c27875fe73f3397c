/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/local.h"
#include "proto/sec/tls.h"
#include "proto/wire/envelope.h"
#include "proto/wire/header.h"

enum { READ_SIZE = 64 << 10 };

struct hlv_link {
	int fd;
	int os_error;
	struct hlv_tls_io *tls; /* or NULL */
	struct hlv_buf in;	/* what has come and was not asked for yet begins at `at` */
	size_t at;
};

static hlv_mono_ns deadline(uint32_t ms)
{
	return hlv_clock().mono_ns + ms * UINT64_C(1000000);
}

static enum hlv_err os_failed(struct hlv_link *l, int error)
{
	l->os_error = error;
	return error == EACCES || error == EPERM ? HLV_E_PERMISSION : HLV_E_IO;
}

/* Until the socket is ready for one of `events`, told in *ready. */
static enum hlv_err wait_for(struct hlv_link *l, short events, hlv_mono_ns until_ns,
			     short *ready)
{
	for (;;) {
		hlv_mono_ns now = hlv_clock().mono_ns;
		uint64_t left = now < until_ns ? until_ns - now : 0;
		struct timespec ts = {.tv_sec = (time_t)(left / 1000000000U),
				      .tv_nsec = (long)(left % 1000000000U)};
		struct pollfd p = {.fd = l->fd, .events = events};
		int n = ppoll(&p, 1, &ts, NULL);
		*ready = p.revents;
		if (n > 0)
			return HLV_OK;
		if (n == 0)
			return HLV_E_TIMEOUT;
		if (errno != EINTR)
			return os_failed(l, errno);
	}
}

static size_t waiting(const struct hlv_link *l)
{
	return l->in.n - l->at;
}

/* Take what is there. */
static enum hlv_err take_input(struct hlv_link *l)
{
	if (l->at > 0 && l->at >= l->in.n / 2) {
		memmove(l->in.p, l->in.p + l->at, waiting(l));
		l->in.n -= l->at;
		l->at = 0;
	}
	if (waiting(l) > HLV_CLIENT_ANSWER_MAX)
		return HLV_E_LIMIT;
	uint8_t *p = hlv_buf_room(&l->in, READ_SIZE);
	if (!p)
		return HLV_E_NOMEM;
	ssize_t n = l->tls ? hlv_tls_recv(l->tls, p, READ_SIZE)
			   : recv(l->fd, p, READ_SIZE, MSG_DONTWAIT);
	int error = errno;
	l->in.n -= READ_SIZE - (n > 0 ? (size_t)n : 0);
	if (n == 0)
		return os_failed(l, ECONNRESET);
	if (n < 0 && error != EAGAIN && error != EINTR)
		return os_failed(l, error);
	return HLV_OK;
}

static enum hlv_err open_tcp(struct hlv_link *l, const struct hlv_addr *to,
			     hlv_mono_ns until_ns)
{
	l->fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return os_failed(l, errno);
	if (connect(l->fd, &to->sa.any, to->len) != 0 && errno != EINPROGRESS)
		return os_failed(l, errno);
	short ready;
	HLV_TRY(wait_for(l, POLLOUT, until_ns, &ready));
	int error = 0;
	socklen_t n = sizeof error;
	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		error = errno;
	if (error)
		return os_failed(l, error);
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return HLV_OK;
}

static enum hlv_err shake(struct hlv_link *l, hlv_mono_ns until_ns)
{
	for (;;) {
		short ready;
		switch (hlv_tls_handshake(l->tls)) {
		case HLV_TLS_DONE:
			return HLV_OK;
		case HLV_TLS_WANTS_READ:
			HLV_TRY(wait_for(l, POLLIN, until_ns, &ready));
			break;
		case HLV_TLS_WANTS_WRITE:
			HLV_TRY(wait_for(l, POLLOUT, until_ns, &ready));
			break;
		case HLV_TLS_FAILED:
			return HLV_E_CRYPTO;
		}
	}
}

static enum hlv_err open_tls(struct hlv_link *l, const struct hlv_link_to *to,
			     hlv_mono_ns until_ns, char *why)
{
	if (!to->server_key && !to->any_server)
		return HLV_E_USAGE;
	struct hlv_tls *tls;
	HLV_TRY(hlv_tls_client_new(to->own_key, to->own_name, &tls, why));
	enum hlv_err err = open_tcp(l, &to->addr, until_ns);
	if (err == HLV_OK) {
		l->tls = hlv_tls_connect(tls, l->fd);
		err = l->tls ? shake(l, until_ns) : HLV_E_NOMEM;
	}
	hlv_tls_free(tls);
	if (err == HLV_OK && to->server_key && !hlv_tls_peer_is(l->tls, to->server_key))
		return HLV_E_KEY;
	return err;
}

static enum hlv_err open_local(struct hlv_link *l, const char *path)
{
	enum hlv_err err = hlv_local_connect(path, &l->fd);
	if (err == HLV_OK || err == HLV_E_USAGE)
		return err;
	l->fd = -1;
	return os_failed(l, errno);
}

static enum hlv_err open_to(struct hlv_link *l, const struct hlv_link_to *to, char *why)
{
	uint32_t ms = to->connect_ms ? to->connect_ms : HLV_CLIENT_TOTAL_MS;
	switch (to->transport) {
	case HLV_T_TCP:
		return open_tcp(l, &to->addr, deadline(ms));
	case HLV_T_LOCAL:
		return open_local(l, to->path);
	case HLV_T_TLS:
		return open_tls(l, to, deadline(ms), why);
	case HLV_T_UDP:
		break;
	}
	return HLV_E_UNSUPPORTED;
}

static const char *reason(const struct hlv_link *l, enum hlv_err err)
{
	if (l->os_error)
		return strerror(l->os_error);
	if (err == HLV_E_KEY)
		return "the server holds another key than it should";
	if (err == HLV_E_CRYPTO)
		return "no TLS there, or none that both sides know";
	return hlv_strerror(err);
}

enum hlv_err hlv_link_open(const struct hlv_link_to *to, struct hlv_link **out, char *why)
{
	struct hlv_link *l = calloc(1, sizeof *l);
	if (!l)
		return HLV_E_NOMEM;
	l->fd = -1;
	*why = '\0';
	enum hlv_err err = open_to(l, to, why);
	if (err == HLV_OK) {
		*out = l;
		return HLV_OK;
	}
	char text[HLV_ADDR_TEXT];
	if (!*why)
		snprintf(why, 256, "%s: %s",
			 to->transport == HLV_T_LOCAL ? to->path
						      : hlv_addr_print(&to->addr, text),
			 reason(l, err));
	int error = l->os_error;
	hlv_link_close(l);
	errno = error;
	return err;
}

void hlv_link_close(struct hlv_link *l)
{
	if (!l)
		return;
	if (l->tls)
		hlv_tls_shutdown(l->tls);
	hlv_tls_io_free(l->tls);
	if (l->fd >= 0)
		close(l->fd);
	hlv_buf_free(&l->in);
	free(l);
}

int hlv_link_os_error(const struct hlv_link *l)
{
	return l->os_error;
}

static enum hlv_err send_until(struct hlv_link *l, struct hlv_bytes left, hlv_mono_ns until_ns)
{
	while (left.n > 0) {
		ssize_t n = l->tls ? hlv_tls_send(l->tls, left.p, left.n)
				   : send(l->fd, left.p, left.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			left = hlv_skip(left, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return os_failed(l, errno);
		short ready;
		HLV_TRY(wait_for(l, POLLIN | POLLOUT, until_ns, &ready));
		if (ready & POLLIN)
			HLV_TRY(take_input(l));
	}
	return HLV_OK;
}

enum hlv_err hlv_link_send(struct hlv_link *l, struct hlv_bytes message, uint32_t ms)
{
	return send_until(l, message, deadline(ms));
}

/* The first message in what has come; empty when it is not whole yet. */
static enum hlv_err first_message(const struct hlv_link *l, struct hlv_bytes *message)
{
	struct hlv_bytes in = hlv_skip(hlv_buf_bytes(&l->in), l->at);
	struct hlv_reader r = hlv_reader(in);
	struct hlv_envelope env;
	*message = hlv_bytes(NULL, 0);
	if (in.n < HLV_ENVELOPE_SIZE)
		return HLV_OK;
	if (hlv_envelope_decode(&r, &env) != HLV_OK || env.length < HLV_HEADER_SIZE)
		return HLV_E_MALFORMED;
	if (in.n >= HLV_ENVELOPE_SIZE + (size_t)env.length)
		*message = hlv_head(in, HLV_ENVELOPE_SIZE + (size_t)env.length);
	return HLV_OK;
}

static enum hlv_err receive_until(struct hlv_link *l, struct hlv_buf *out, hlv_mono_ns until_ns)
{
	struct hlv_bytes message;
	for (;;) {
		HLV_TRY(first_message(l, &message));
		if (message.n > 0)
			break;
		short ready;
		HLV_TRY(wait_for(l, POLLIN, until_ns, &ready));
		HLV_TRY(take_input(l));
	}
	hlv_buf_put(out, message);
	l->at += message.n;
	return out->bad ? HLV_E_NOMEM : HLV_OK;
}

enum hlv_err hlv_link_receive(struct hlv_link *l, struct hlv_buf *message, uint32_t ms)
{
	return receive_until(l, message, deadline(ms));
}

/* Does this message belong to the answer under `id`? */
static bool is_answer(struct hlv_bytes message, uint32_t id, bool *more)
{
	struct hlv_reader r = hlv_reader(message);
	struct hlv_envelope e;
	struct hlv_header h = {0};
	*more = false;
	if (hlv_envelope_decode(&r, &e) != HLV_OK)
		return false;
	/* The header of an encrypted message cannot be read here. */
	if (e.flags & HLV_E_ENCRYPTED)
		return e.request_id == id;
	if (hlv_header_decode(&r, &h) != HLV_OK || h.rc == 0)
		return false;
	*more = h.flags & HLV_F_CONTINUOUS;
	return e.request_id == id || (e.request_id == UINT32_MAX && h.op == HLV_OP_RESERVED);
}

enum hlv_err hlv_link_ask(struct hlv_link *l, struct hlv_bytes request, struct hlv_buf *answer,
			  uint32_t ms)
{
	hlv_mono_ns until_ns = deadline(ms);
	struct hlv_reader r = hlv_reader(request);
	struct hlv_envelope env;
	HLV_TRY(hlv_envelope_decode(&r, &env));
	HLV_TRY(send_until(l, request, until_ns));
	size_t from = answer->n;
	for (bool ours = false, more = false; !ours || more;) {
		size_t at = answer->n;
		HLV_TRY(receive_until(l, answer, until_ns));
		struct hlv_bytes message = hlv_skip(hlv_buf_bytes(answer), at);
		ours = is_answer(message, env.request_id, &more);
		if (!ours)
			answer->n = at;
		if (answer->n - from > HLV_CLIENT_ANSWER_MAX)
			return HLV_E_LIMIT;
	}
	return HLV_OK;
}
