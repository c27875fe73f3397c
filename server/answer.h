/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to questions: pure functions of a request and a snapshot (protocol.md 11.2, 11.3). No
 * clock, no randomness, no log: the same input gives the same output, so the fuzzer, the
 * simulator and every front end get the answer from here.
 */
#pragma once
#include "server/context.h"

/* Fill `rs` and return its code. `rs` borrows from the view, the arena and the request. */
enum hlv_rc answer_resolution(const struct answer_context *, const struct hlv_request *,
			      struct hlv_response *rs);
enum hlv_rc answer_site_info(const struct answer_context *, const struct hlv_request *,
			     struct hlv_response *rs);
