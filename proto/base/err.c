/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/err.h"

const char *hlv_strerror(enum hlv_err err)
{
	static const char *const texts[] = {
#define X(name, text) [name] = (text),
		HLV_ERRORS(X)
#undef X
	};
	size_t i = (size_t)err;
	return i < sizeof texts / sizeof *texts ? texts[i] : "unknown error";
}
