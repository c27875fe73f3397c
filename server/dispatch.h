/* SPDX-License-Identifier: Apache-2.0
 *
 * From an operation to whoever answers it: the worker at once, from its snapshot, or the registrar,
 * which finds out who asks and writes. One table. Every operation of the protocol gets an answer
 * with a code that its client knows; what this server does not do yet says so.
 */
#pragma once
#include "proto/net/service.h"
#include "server/answer.h"

/* Answer x->rq into x->rs from the snapshot in `c`. False: it is a matter for the registrar (and
 * x->rs is a refusal, for those who have none). */
bool dispatch(const struct answer_context *c, struct hlv_exchange *x);
