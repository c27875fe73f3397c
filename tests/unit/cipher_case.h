/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of ciphers, wrapped keys and Diffie-Hellman share: what the national SDK and its server
 * said to each other (industrial.md 5.10), and room for what is written.
 */
#pragma once
#include "proto/base/writer.h"
#include "tests/unit/in_arena.h"

static const char sdk_public[] = "3059301306072a8648ce3d020106082a811ccf5501822d03420004e96f829"
				 "9910eb43aa548288f6727dda64"
				 "d2d73b71532aab5a6d50760ee4989abe5f3be3e3e9b1fc376997c743dbcda"
				 "044e3e57c449a7350585f994f9"
				 "843db68e";
static const char sdk_private[] =
	"b7b738b16f05e30a9aa2c4ad7c0bd8de9dc97347b72b4ee94880c335099c7e51";
static const char sdk_wrapped[] =
	"04275dd8508a6f08815f2c3554d1ad657ca9af2a44daddafb69bcaa2a9d8ec9642acb61df45b5aa323b73e"
	"8"
	"6ff95a63fa2f4f255d99a679e8332df49beda9105fcde623080c05519b9bf70ce89ad460989bc5d25a38ed"
	"f"
	"aa0726c7241e21a1547785b166e1fa4e84ccd667c6e379edabad2ef59712";
static const char sdk_key[] = "ce52977a59faf74e71cd6675c0275606";

/* As a session key would be, and more than any cipher takes. */
static const uint8_t key[64] =
	"some key, of thirty-two octets..and as many after them, for more";

static inline struct hlv_writer room(size_t n)
{
	return hlv_writer(hlv_alloc(&arena, n), n);
}
