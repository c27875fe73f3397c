/* SPDX-License-Identifier: Apache-2.0
 *
 * Roll-over of trust anchors as small stories in simulated time, for test_anchor.c. A step a line:
 *
 *   anchor K STATE [hand]   as the file has it          see K.. by S   a record by S announces K..
 *   day N                   the clock shows day N       ("!K": revoked, "?": a key nobody can read)
 *   tick                    time passes                 write | disk-full   the file is written, or not
 *   restart                 what is in memory is written and read again
 *   crash                   memory is lost; what was written last is read
 *   is K STATE              seen, pending, valid, missing, revoked or none
 *   believed N              so many keys are believed   changed yes|no   did the last `see` or `tick`
 *   required yes|no         must the root be proven?    covered yes|no   can it be?
 *
 * A to H are keys of the root, W is a weak one, X to Z are keys for the prefix 88.
 */
#pragma once

struct anchor_script {
	const char *name, *steps;
};

static const struct anchor_script anchor_scripts[] = {
	{"nothing new", "anchor A valid\nsee A by A\nchanged no\nis A valid\nbelieved 1\n"},
	{"announced under a valid key",
	 "anchor A valid\nsee A B by A\nchanged yes\nis B seen\nbelieved 1\n"
	 "day 1\nsee A B by A\nchanged yes\nis B pending\nbelieved 1\n"
	 "day 29\nsee A B by A\nchanged no\nis B pending\nbelieved 1\n"
	 "day 30\nsee A B by A\nchanged yes\nis B valid\nbelieved 2\n"},
	{"the hold-down counts from when it was first seen",
	 "anchor A valid\nsee A B by A\nday 20\nsee A B by A\nis B pending\n"
	 "day 30\nsee A B by A\nis B valid\n"},
	{"one second before the end", "anchor A valid\nsee A B by A\nday 29.99998\nsee A B by "
				      "A\nis B pending\nbelieved 1\n"},
	{"time alone makes nobody believed",
	 "anchor A valid\nsee A B by A\nday 400\ntick\nchanged no\nis B seen\nbelieved 1\n"
	 "see A B by A\nis B valid\n"},
	{"the same observation twice is one",
	 "anchor A valid\nsee A B by A\nsee A B by A\nchanged no\nis B seen\n"},
	{"hold-down interrupted",
	 "anchor A valid\nsee A B by A\nday 29\nsee A by A\nchanged yes\nis B none\n"
	 "day 30\nsee A B by A\nis B seen\nday 59\nsee A B by A\nis B pending\nbelieved 1\n"
	 "day 60\nsee A B by A\nis B valid\n"},
	{"a full roll-over", "anchor A valid\nsee A B by A\nday 31\nsee A B by A\nis B valid\n"
			     "day 60\nsee !A B by B\nis A revoked\nis B valid\nbelieved 1\n"
			     "day 90\nsee B by B\nis A revoked\nis B valid\nbelieved 1\n"},
	{"revoked for good", "anchor A valid\nanchor B valid\nsee A !B by A\nis B revoked\n"
			     "day 1\nsee A B by A\nchanged no\nis B revoked\n"
			     "day 200\nsee A B by A\nis B revoked\nbelieved 1\n"},
	{"revoked survives a restart",
	 "anchor A valid\nanchor B valid\nsee A !B by A\nrestart\nis B revoked\nday 100\n"
	 "see A B by A\nis B revoked\nsee A B by B\nchanged no\nbelieved 1\n"},
	{"a revoked key proves nothing more",
	 "anchor A valid\nanchor B valid\nsee A !B by A\nday 1\nsee B C by B\nchanged no\n"
	 "is C none\nis A valid\n"},
	{"announced key that equals a revoked one",
	 "anchor A valid\nsee A B !B by A\nis B none\nday 40\nsee A B !B by A\nis B none\n"
	 "believed 1\n"},
	{"revoked while it waits",
	 "anchor A valid\nsee A B by A\nday 10\nsee A B !B by A\nis B revoked\n"
	 "day 50\nsee A B by A\nis B revoked\nbelieved 1\n"},
	{"the signer is revoked", "anchor A valid\nanchor B valid\nsee !A B by A\nis A "
				  "revoked\nis B valid\nbelieved 1\n"},
	{"a record that revokes its signer announces nobody",
	 "anchor A valid\nanchor B valid\nsee !A C by A\nis A revoked\nis C none\nis B "
	 "valid\n"},
	{"last anchor revoked",
	 "anchor A valid\nsee !A by A\nis A revoked\nbelieved 0\nrequired yes\ncovered no\n"
	 "day 1\nsee B by A\nchanged no\nis B none\n"},
	{"missing and back",
	 "anchor A valid\nanchor B valid\nsee A by A\nis B missing\nbelieved 2\n"
	 "day 300\nsee A by A\nchanged no\nis B missing\nday 301\nsee A B by A\nis B valid\n"
	 "believed 2\n"},
	{"a missing one is believed and may speak",
	 "anchor A valid\nanchor B missing\nsee A B C by B\nchanged yes\nis B valid\nis C "
	 "seen\n"},
	{"missing, then revoked",
	 "anchor A valid\nanchor B valid\nsee A by A\nis B missing\nday 1\nsee A !B by A\n"
	 "is B revoked\nbelieved 1\n"},
	{"an empty record takes nothing away",
	 "anchor A valid\nanchor B valid\nsee by A\nis A missing\nis B missing\nbelieved 2\n"},
	{"two at once",
	 "anchor A valid\nsee A B C by A\nis B seen\nis C seen\nday 5\nsee A B C by A\n"
	 "is B pending\nis C pending\nday 30\nsee A B C by A\nis B valid\nis C valid\nbelieved "
	 "3\n"},
	{"two at once, one given up",
	 "anchor A valid\nsee A B C by A\nday 5\nsee A C by A\nis B none\nis C pending\n"
	 "day 30\nsee A C by A\nis C valid\nbelieved 2\n"},
	{"one after the other",
	 "anchor A valid\nsee A B by A\nday 15\nsee A B C by A\nday 30\nsee A B C by A\n"
	 "is B valid\nis C pending\nday 45\nsee A B C by B\nis C valid\nbelieved 3\n"},
	{"restart in the middle",
	 "anchor A valid\nsee A B by A\nday 10\nrestart\nis B seen\nsee A B by A\nis B "
	 "pending\n"
	 "day 20\nrestart\nis B pending\nday 30\nsee A B by A\nis B valid\n"},
	{"disk full at write, then room again",
	 "anchor A valid\nanchor B valid\nsee A !B by A\ndisk-full\nis B revoked\nbelieved 1\n"
	 "day 1\ntick\nwrite\ncrash\nis B revoked\nbelieved 1\n"},
	{"disk full, and power lost: seen again",
	 "anchor A valid\nwrite\nsee A B by A\ndisk-full\ncrash\nis B none\nday 1\nsee A B by "
	 "A\n"
	 "is B seen\n"},
	{"clock set back",
	 "anchor A valid\nday 100\nsee A B by A\nday 110\nsee A B by A\nis B pending\nday 50\n"
	 "see A B by A\nchanged no\nis B pending\ntick\nchanged yes\nis B pending\n"
	 "day 79\nsee A B by A\nis B pending\nbelieved 1\nday 80\nsee A B by A\nis B valid\n"},
	{"clock set back does not interrupt",
	 "anchor A valid\nday 100\nsee A B by A\nday 50\nsee A by A\nchanged no\nis B seen\n"
	 "is A valid\n"},
	{"clock set back still revokes",
	 "anchor A valid\nday 100\nsee A B by A\nday 50\nsee A !B by A\nis B revoked\n"},
	{"a machine without a battery starts in 1970",
	 "anchor A valid\nday -20000\nsee A B by A\nchanged no\nis B none\nday 0\nsee A B by "
	 "A\n"
	 "is B seen\nday 1\nsee A B by A\nis B pending\nbelieved 1\n"},
	{"a weak key is announced", "anchor A valid\nsee A W by A\nchanged no\nis W none\nday "
				    "40\nsee A W by A\nis W none\n"},
	{"a key that cannot be read is announced",
	 "anchor A valid\nsee A ? B by A\nis B seen\nbelieved 1\n"},
	{"pre-staged by hand",
	 "anchor A valid\nanchor B pending hand\nsee A by A\nis B pending\nday 40\nsee A by A\n"
	 "is B pending\nday 41\nsee A B by A\nis B pending\nbelieved 1\nday 70\nsee A B by A\n"
	 "is B valid\n"},
	{"pre-staged by hand, announced at once", "anchor A valid\nanchor B pending hand\nsee "
						  "A B by A\nday 30\nsee A B by A\nis B valid\n"
						  "believed 2\n"},
	{"somebody who waits cannot speak",
	 "anchor A valid\nsee A B by A\nday 10\nsee A B C by B\nchanged no\nis C none\n"
	 "see !A by B\nchanged no\nis A valid\n"},
	{"anchors of another subject are not touched",
	 "anchor A valid\nanchor X valid\nsee A by A\nis X valid\nsee A !X by A\nis X valid\n"
	 "see X Y by X\nis Y seen\nis A valid\nbelieved 2\n"},
	{"many announced at once do not crowd out",
	 "anchor A valid\nsee A B C D E F G H by A\nis H seen\nday 30\nsee A B C D E F G H by "
	 "A\n"
	 "is B valid\nis H valid\nbelieved 8\n"},
	{"a place that is free again",
	 "anchor A valid\nsee A B C by A\nday 1\nsee A C by A\nis B none\nsee A C D by A\n"
	 "is D seen\nis C pending\nday 31\nsee A C D by A\nis C valid\nis D valid\n"},
	{"everybody is revoked by one record", "anchor A valid\nanchor B valid\nsee !A !B by "
					       "B\nis A revoked\nis B revoked\nbelieved 0\n"
					       "required yes\n"},
};
