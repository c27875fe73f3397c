/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue from many threads to one, woken by an eventfd. A message is given away when it is
 * posted: whoever took it owns it.
 */
#pragma once
#include <stdatomic.h>

#include "proto/base/err.h"

struct hlv_mail {
	struct hlv_mail *next;
	void (*open)(struct hlv_mail *, void *receiver); /* on the receiver's thread */
};

struct hlv_mailbox {
	_Atomic(struct hlv_mail *) newest;
	_Atomic unsigned posting; /* threads inside hlv_mailbox_post() */
	int fd;			  /* readable when there is mail */
};

enum hlv_err HLV_MUST_USE hlv_mailbox_init(struct hlv_mailbox *box);
/* Waits for those who are about to leave hlv_mailbox_post(): their mail may be open already. */
void hlv_mailbox_fini(struct hlv_mailbox *box);
/* Any thread. */
void hlv_mailbox_post(struct hlv_mailbox *box, struct hlv_mail *mail);
/* The receiver: opens all mail in the order of posting. */
void hlv_mailbox_take(struct hlv_mailbox *box, void *receiver);
