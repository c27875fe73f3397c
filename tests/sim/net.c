/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

enum {
	PORT_LOW = 1024,     /* first of the ports that a socket may get */
	VERIFIED_S = 600,    /* as long as a real node remembers a source */
	RETRANSMIT_MS = 200, /* of a stream's lost segment, doubling */
	CLOSE_MS = 1000,     /* after its answer a node closes a stream */
	NODE_ARENA = 2 << 20,
};

static bool happens(struct world *w, uint32_t of_1000)
{
	return of_1000 > 0 && hlv_rand_below(&w->rand, 1000) < of_1000;
}

static uint64_t one_way(struct world *w, const struct line *l)
{
	uint64_t ns = l->delay_ms * MS;
	return l->jitter_ms ? ns + hlv_rand_below(&w->rand, l->jitter_ms * MS) : ns;
}

struct sock_sim *net_find(struct world *w, uint64_t sock)
{
	struct sock_sim *s = w->socks[sock % 256];
	while (s && s->id != sock)
		s = s->next;
	return s;
}

void net_close(struct world *w, uint64_t sock)
{
	struct sock_sim **at = &w->socks[sock % 256];
	while (*at && (*at)->id != sock)
		at = &(*at)->next;
	struct sock_sim *s = *at;
	if (!s)
		return; /* it ended by itself */
	*at = s->next;
	free(s->octets);
	free(s);
}

void net_free(struct world *w)
{
	for (size_t i = 0; i < 256; i++)
		while (w->socks[i])
			net_close(w, w->socks[i]->id);
}

/* --- towards the resolver --- */

static void arrive(struct world *w, uint64_t sock, uint64_t unused, struct hlv_bytes octets)
{
	(void)unused;
	if (!w->engine || !net_find(w, sock))
		return;
	world_note(w, "in", sock, 0, octets);
	engine_feed(w->engine, sock, octets, w->now);
	world_pump(w);
}

static void end(struct world *w, uint64_t sock, uint64_t err, struct hlv_bytes unused)
{
	(void)unused;
	if (!w->engine || !net_find(w, sock))
		return;
	world_note(w, "gone", sock, err, hlv_bytes(NULL, 0));
	net_close(w, sock);
	engine_gone(w->engine, sock, (enum hlv_err)err, w->now);
	world_pump(w);
}

void net_inject(struct world *w, uint64_t sock, struct hlv_bytes datagram)
{
	arrive(w, sock, 0, datagram);
}

static void send_datagram(struct world *w, struct sock_sim *s, struct hlv_bytes d)
{
	const struct line *l = &s->node->line;
	unsigned copies = happens(w, l->loss) ? 0 : 1;
	copies += happens(w, l->dup);
	for (unsigned i = 0; i < copies; i++)
		world_at(w, w->now.mono_ns + one_way(w, l), arrive, s->id, 0, d);
}

/* As proto/net/udp.c does it: a stub for who has not shown himself, else as many datagrams as it
 * takes. */
static void answer_by_udp(struct world *w, struct sock_sim *s, struct hlv_bytes message)
{
	struct node_sim *n = s->node;
	uint8_t room[HLV_UDP_PACKET];
	bool verified = !n->stubs || n->verified_until > w->now.mono_ns;
	bool is_stub = message.n >= HLV_ENVELOPE_SIZE && message.p[2] & HLV_E_TRUNCATED;
	if (is_stub || message.n <= (verified ? HLV_UDP_PACKET : 3 * s->n)) {
		send_datagram(w, s, message);
		return;
	}
	if (!verified) {
		uint8_t copy[HLV_STUB_SIZE];
		hlv_native_stub(message, copy);
		uint32_t length = hlv_load_u32(copy + 16);
		if (length <= HLV_UDP_PAYLOAD)
			hlv_store_u32(copy + 16, HLV_UDP_PAYLOAD + 1);
		send_datagram(w, s, hlv_bytes(copy, sizeof copy));
		return;
	}
	uint32_t packets = hlv_packet_count((uint32_t)message.n - HLV_ENVELOPE_SIZE);
	for (uint32_t i = 0; i < packets; i++)
		send_datagram(w, s, hlv_bytes(room, hlv_packet_cut(message, i, room)));
}

/* A segment on its way: what is lost comes again, later, and nothing overtakes. */
static hlv_mono_ns segment(struct world *w, struct sock_sim *s)
{
	const struct line *l = &s->node->line;
	uint64_t late = RETRANSMIT_MS * MS;
	hlv_mono_ns at = w->now.mono_ns + one_way(w, l);
	for (unsigned i = 0; i < 6 && happens(w, l->loss); i++, late *= 2)
		at += late;
	if (at < s->last)
		at = s->last;
	s->last = at;
	return at;
}

static void answer_by_stream(struct world *w, struct sock_sim *s, struct hlv_bytes message)
{
	bool reset = s->node->line.stream == STREAM_RESET;
	struct hlv_bytes left = reset ? hlv_head(message, message.n / 2) : message;
	while (left.n > 0) {
		size_t n = 1 + hlv_rand_below(&w->rand, left.n);
		if (left.n - n < 16)
			n = left.n;
		world_at(w, segment(w, s), arrive, s->id, 0, hlv_head(left, n));
		left = hlv_skip(left, n);
	}
	hlv_mono_ns at = s->last + (reset ? 0 : CLOSE_MS * MS);
	world_at(w, at, end, s->id, HLV_E_IO, hlv_bytes(NULL, 0));
}

/* --- towards the node --- */

static void reach(struct world *w, uint64_t sock, uint64_t number, struct hlv_bytes octets)
{
	struct node_sim *n = w->nodes[number];
	if (n->down || n->line.cut)
		return;
	n->asked++;
	struct hlv_arena a;
	hlv_arena_init(&a, NODE_ARENA);
	struct sock_sim *s = net_find(w, sock);
	bool stream = s && s->way != FLIGHT_UDP;
	struct hlv_bytes answer = node_answer(w, n, octets, stream, &a);
	if (n->lie != LIE_TRUTH)
		answer = liar_answer(w, n, octets, answer, stream, &a);
	world_note(w, "node", sock, number, hlv_head(answer, 44));
	if (s && answer.n > 0 && stream) {
		n->verified_until = w->now.mono_ns + VERIFIED_S * SECOND;
		answer_by_stream(w, s, answer);
	} else if (s && answer.n > 0) {
		answer_by_udp(w, s, answer);
	}
	hlv_arena_fini(&a);
}

static void open_stream(struct world *w, struct sock_sim *s, struct hlv_bytes key)
{
	struct node_sim *n = s->node;
	uint64_t rtt = 2 * one_way(w, &n->line);
	if (n->line.cut || n->line.stream == STREAM_SILENT)
		return;
	if (n->down || n->line.stream == STREAM_REFUSED) {
		world_at(w, w->now.mono_ns + rtt, end, s->id, HLV_E_IO, hlv_bytes(NULL, 0));
		return;
	}
	hlv_mono_ns at = segment(w, s) + rtt;
	if (s->way == FLIGHT_TLS) {
		at += rtt;
		if (!n->tls || (key.n > 0 && !hlv_eq(key, n->pubkey))) {
			world_at(w, at, end, s->id, n->tls ? HLV_E_SIGNATURE : HLV_E_IO,
				 hlv_bytes(NULL, 0));
			return;
		}
	}
	s->last = at;
	world_at(w, at, reach, s->id, n->number, hlv_bytes(s->octets, s->n));
}

static void open_datagram(struct world *w, struct sock_sim *s)
{
	const struct line *l = &s->node->line;
	unsigned copies = l->cut || happens(w, l->loss) ? 0 : 1;
	copies += copies && happens(w, l->dup);
	for (unsigned i = 0; i < copies; i++)
		world_at(w, w->now.mono_ns + one_way(w, l), reach, s->id, s->node->number,
			 hlv_bytes(s->octets, s->n));
}

void net_open(struct world *w, const struct engine_order *o)
{
	struct sock_sim *s = calloc(1, sizeof *s);
	hlv_require(s != NULL);
	if (net_find(w, o->sock))
		world_wrong(w, "socket %llu is opened twice", (unsigned long long)o->sock);
	*s = (struct sock_sim){.next = w->socks[o->sock % 256],
			       .id = o->sock,
			       .way = o->way,
			       .addr = o->addr,
			       .node = node_at(w, &o->addr),
			       .octets = malloc(o->octets.n + 1),
			       .n = o->octets.n};
	hlv_require(s->octets != NULL);
	memcpy(s->octets, o->octets.p, o->octets.n);
	s->port = (uint16_t)(PORT_LOW + hlv_rand_below(&w->rand, 65536 - PORT_LOW));
	w->socks[o->sock % 256] = s;
	w->opens++;
	*(o->way == FLIGHT_UDP ? &w->opens_udp : &w->opens_stream) += 1;
	uint64_t second = w->now.mono_ns / SECOND - 1000;
	if (second < sizeof w->per_second / sizeof *w->per_second)
		w->per_second[second]++;
	world_note(w,
		   o->way == FLIGHT_UDP	  ? "udp"
		   : o->way == FLIGHT_TCP ? "tcp"
					  : "tls",
		   o->sock, s->node ? s->node->number : UINT64_MAX, o->octets);
	if (w->verbose)
		printf("%30s to %s\n", "", s->node ? s->node->name : "nobody");
	uint64_t id = s->id;
	if (s->node && o->way == FLIGHT_UDP)
		open_datagram(w, s);
	else if (s->node)
		open_stream(w, s, o->key);
	if (w->spoof && (s = net_find(w, id)))
		w->spoof(w, s);
}
