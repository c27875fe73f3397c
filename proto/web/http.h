/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 for servers, on the streams of proto/net (tcp_conn.h): one port for http and https, requests
 * one after the other, answers in their order. What a request means is a handler's business (web.h); no
 * handler sees a connection.
 *
 * A call is one request with its answer. Everything of the request is in the call's arena, so a handler
 * may answer at once or later, from any callback on the same worker. It answers exactly once: by
 * http_reply(), or by http_begin() ... http_end().
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/net/front.h"

enum {
	HTTP_HEAD_MAX = 16 << 10, /* octets of request line and headers (threats.md 4) */
	HTTP_HEADERS_MAX = 64,
	HTTP_BODY_MAX = 256 << 10, /* of a body that is gathered for its handler */
	HTTP_PIECE = 16 << 10,	   /* of a streamed answer that is sent at once */
	HTTP_ETAG = 16,
};

enum web_method {
	WEB_GET = 1,
	WEB_HEAD = 2,
	WEB_POST = 4,
	WEB_PUT = 8,
	WEB_DELETE = 16,
	WEB_OPTIONS = 32,
	WEB_PATCH = 64,
	WEB_OTHER = 128,
};

struct http_header {
	struct hlv_bytes name, value; /* the value without blanks around it */
};

struct http_request {
	enum web_method method;
	struct hlv_bytes method_name; /* as sent: "PATCH" */
	struct hlv_bytes target;      /* as sent: path and query, or the whole URL */
	/* Of the target; still percent-encoded, but decoded they are UTF-8 without control octets. */
	struct hlv_bytes path, query;
	struct hlv_bytes host; /* "id.example.cn:8000"; empty: HTTP/1.0 without one */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t nheaders;
	uint64_t content_length;       /* UINT64_MAX: none was given */
	bool chunked, keep_alive, old; /* old: HTTP/1.0 */
	struct hlv_bytes body;
};

struct web;
struct web_gzip;

struct http_call {
	struct http_request rq;
	struct hlv_arena arena;
	struct hlv_front *front;
	const struct web *web; /* what all calls share */
	struct hlv_peer peer;  /* via HTTP; a claim is the handler's to add */
	struct hlv_now now;
	void *state;		 /* the handler's, in the arena */
	struct web_login *login; /* who makes it (login.h), in the arena; NULL: says nothing */
	/* A body that is not gathered: set by the handler of a route with WEB_STREAMS before it
	 * returns. Called with each piece, and with `last` once behind all of them; with call->gone the
	 * body has not come whole, and what it was for is to be given up. Not called while held. */
	void (*feed)(struct http_call *, struct hlv_bytes piece, bool last);
	bool hold; /* feed() has enough for now: until http_feed_more() */
	/* After http_put() has returned false, once: there is room again, or nobody any more. */
	void (*room)(struct http_call *);
	/* The peer is gone, or the daemon stops: nothing that is said is sent any more. The handler
	 * still has to end its call, and to drop what it asked with hlv_ask_drop(). */
	bool gone;

	/* --- the connection's own: http.c and http_answer.c --- */
	struct hlv_mail mail;
	struct conn *conn;
	struct http_call *next;
	struct hlv_buf head, out; /* `out` is the handler's to fill before http_reply() */
	struct hlv_buf body;	  /* as far as it has come */
	unsigned status;	  /* of the answer; 0: not begun */
	const char *type;
	uint32_t max_age_s; /* if `cached` */
	uint32_t retry_s;   /* the handler's: ask again after so long; 0: of 503 alone */
	char etag[HTTP_ETAG];
	struct hlv_bytes
		tagged;	       /* in the arena: what the ETag names, weakly; empty: the body */
	struct web_gzip *gzip; /* of a streamed answer; NULL: it goes as it is */
	bool cached, packed;
	bool said_head, chunked, no_body, ended, stuck, posted, feeding, speaking, closing;
};

/* --- the request --- */

/* The first header of that name (any case); empty: none. */
struct hlv_bytes http_header_of(const struct http_call *call, const char *name);
/* The nth value of a query key, percent-decoded ('+' is a blank), in the arena. False: there are not so
 * many. A key without '=' has an empty value. */
bool http_query(struct http_call *call, const char *key, size_t nth, struct hlv_bytes *value);
/* All values of a key, one after the other: `rest` is the query at first, and what is left of it. */
bool http_query_next(struct http_call *call, const char *key, struct hlv_bytes *rest,
		     struct hlv_bytes *value);
/* The next pair that has a key, key and value decoded likewise; `rest` as above. */
bool http_query_pair(struct http_call *call, struct hlv_bytes *rest, struct hlv_bytes *name,
		     struct hlv_bytes *value);
/* rest-clients.md R4: absent is false; empty, true or yes is true. */
bool http_query_flag(struct http_call *call, const char *key);
/* `text` percent-decoded once, in the arena; '+' stays. False: a '%' without two digits. */
bool http_decode(struct http_call *call, struct hlv_bytes text, struct hlv_bytes *out);

/* --- the answer --- */

/* A further header; control octets become blanks. */
void http_header(struct http_call *call, const char *name, struct hlv_bytes value);
/* Before http_reply(): anybody may keep this answer for so long, and ask again whether it is still the
 * same, which it is while its octets are. Without this nobody keeps it; what is said to somebody
 * (Authorization, a claim) never is kept. */
void http_cache(struct http_call *call, uint32_t max_age_s);
/* With http_cache(): while `same`, which is in the call's arena, is the same, so is the answer, though not
 * octet by octet (RFC 9110 8.8.1). */
void http_weak_tag(struct http_call *call, struct hlv_bytes same);
/* The asker takes gzip. Bodies are packed without a handler's doing, unless it has set
 * Content-Encoding. */
bool http_takes_gzip(const struct http_call *call);
/* What is in call->out is the body; `type` NULL: no body and no type, else it lives as long as the
 * call. The call is gone behind this. */
void http_reply(struct http_call *call, unsigned status, const char *type);
/* A body of unknown length. http_put() is false when the peer should read first: then go on in
 * call->room(), which must be set. http_flush(): what was put goes out now, not when there is more of it.
 * The call is gone behind http_end(). */
void http_begin(struct http_call *call, unsigned status, const char *type);
bool http_put(struct http_call *call, struct hlv_bytes piece);
void http_flush(struct http_call *call);
void http_end(struct http_call *call);
/* After call->hold: feed() is called again, not before this returns. */
void http_feed_more(struct http_call *call);

/* The speech of listening sockets (hlv_daemon_stream); `shared` is a struct web *. */
extern const struct conn_speech http_speech;
