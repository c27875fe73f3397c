/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/mailbox.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum hlv_err hlv_mailbox_init(struct hlv_mailbox *box)
{
	atomic_init(&box->newest, NULL);
	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return box->fd < 0 ? HLV_E_IO : HLV_OK;
}

void hlv_mailbox_fini(struct hlv_mailbox *box)
{
	close(box->fd);
}

void hlv_mailbox_post(struct hlv_mailbox *box, struct hlv_mail *mail)
{
	mail->next = atomic_load_explicit(&box->newest, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&box->newest, &mail->next, mail, memory_order_release, memory_order_relaxed))
		continue;
	uint64_t one = 1;
	hlv_require(write(box->fd, &one, sizeof one) == sizeof one);
}

void hlv_mailbox_take(struct hlv_mailbox *box, void *receiver)
{
	uint64_t count;
	if (read(box->fd, &count, sizeof count) < 0)
		return; /* woken without mail */
	struct hlv_mail *mail =
		atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
	struct hlv_mail *in_order = NULL;
	while (mail) {
		struct hlv_mail *next = mail->next;
		mail->next = in_order;
		in_order = mail;
		mail = next;
	}
	while (in_order) {
		struct hlv_mail *next = in_order->next;
		in_order->open(in_order, receiver);
		in_order = next;
	}
}
