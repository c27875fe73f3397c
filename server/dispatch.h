/* SPDX-License-Identifier: Apache-2.0
 *
 * From an operation to its handler: one table. Every operation of the protocol gets an answer with
 * a code that its client knows; what this server does not do yet says so.
 */
#pragma once
#include "proto/net/service.h"
#include "server/answer.h"

/* Answer x->rq into x->rs from the snapshot in `c`. */
void dispatch(const struct answer_context *c, struct hlv_exchange *x);
