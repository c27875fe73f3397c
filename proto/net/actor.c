/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/actor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "proto/net/loop.h"

enum { TICK_MS = 1000 };

struct hlv_actor {
	struct hlv_mailbox box;
	pthread_t thread;
	hlv_actor_round *round;
	void *ctx;
	bool stopping; /* its own thread's */
};

static void *run(void *arg)
{
	struct hlv_actor *a = arg;
	bool busy = false;
	while (!a->stopping) {
		struct pollfd p = {.fd = a->box.fd, .events = POLLIN};
		if (poll(&p, 1, busy ? 0 : TICK_MS) < 0 && errno != EINTR)
			break;
		hlv_mailbox_take(&a->box, a->ctx);
		busy = a->round(a->ctx, hlv_clock());
	}
	return NULL;
}

struct hlv_actor *hlv_actor_start(const char *name, hlv_actor_round *round, void *ctx)
{
	struct hlv_actor *a = calloc(1, sizeof *a);
	if (!a || hlv_mailbox_init(&a->box) != HLV_OK) {
		free(a);
		return NULL;
	}
	a->round = round;
	a->ctx = ctx;
	if (pthread_create(&a->thread, NULL, run, a) != 0) {
		hlv_mailbox_fini(&a->box);
		free(a);
		return NULL;
	}
	pthread_setname_np(a->thread, name);
	return a;
}

struct hlv_mailbox *hlv_actor_mailbox(struct hlv_actor *a)
{
	return &a->box;
}

struct call {
	struct hlv_mail mail;
	struct hlv_actor *actor;
	void (*fn)(void *ctx, void *arg);
	void *arg;
	sem_t done;
};

static void open_call(struct hlv_mail *mail, void *receiver)
{
	(void)receiver;
	struct call *call = (struct call *)(void *)mail; /* its first member */
	call->fn(call->actor->ctx, call->arg);
	sem_post(&call->done);
}

void hlv_actor_call(struct hlv_actor *a, void (*fn)(void *ctx, void *arg), void *arg)
{
	struct call call = {.mail = {.open = open_call}, .actor = a, .fn = fn, .arg = arg};
	sem_init(&call.done, 0, 0);
	hlv_mailbox_post(&a->box, &call.mail);
	while (sem_wait(&call.done) != 0)
		continue;
	sem_destroy(&call.done);
}

static void set_stopping(void *ctx, void *arg)
{
	(void)ctx;
	struct hlv_actor *a = arg;
	a->stopping = true;
}

void hlv_actor_stop(struct hlv_actor *a)
{
	if (!a)
		return;
	hlv_actor_call(a, set_stopping, a);
	pthread_join(a->thread, NULL);
	hlv_mailbox_fini(&a->box);
	free(a);
}
