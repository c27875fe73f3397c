/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/mailbox.h"

#include <sched.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum hlv_err hlv_mailbox_init(struct hlv_mailbox *box)
{
	atomic_init(&box->newest, NULL);
	atomic_init(&box->posting, 0);
	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return box->fd < 0 ? HLV_E_IO : HLV_OK;
}

void hlv_mailbox_fini(struct hlv_mailbox *box)
{
	while (atomic_load_explicit(&box->posting, memory_order_acquire) > 0)
		sched_yield();
	close(box->fd);
}

void hlv_mailbox_post(struct hlv_mailbox *box, struct hlv_mail *mail)
{
	atomic_fetch_add_explicit(&box->posting, 1, memory_order_relaxed);
	struct hlv_mail *head = atomic_load_explicit(&box->newest, memory_order_relaxed);
	do
		mail->next = head;
	while (!atomic_compare_exchange_weak_explicit(
		&box->newest, &head, mail, memory_order_release, memory_order_relaxed));
	/* From here on `mail` is the receiver's. Who found the box empty rings; the others' mail
	 * is behind the same bell. */
	uint64_t one = 1;
	if (!head)
		hlv_require(write(box->fd, &one, sizeof one) == sizeof one);
	atomic_fetch_sub_explicit(&box->posting, 1, memory_order_release);
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
