/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of JSON Lines as the loader's tests write them: one record of one value, and of two.
 */
#pragma once

#define RECORD(id)                                                                             \
	"{\"handle\":\"" id "\",\"values\":[{\"index\":1,\"type\":\"URL\",\"data\":\"x\"}]}"
#define INDEXES(id, a, b)                                                                      \
	"{\"handle\":\"" id "\",\"values\":[{\"index\":" a ",\"type\":\"A\",\"data\":\"x\"},"  \
	"{\"index\":" b ",\"type\":\"B\",\"data\":\"y\"}]}"
