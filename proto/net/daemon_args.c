/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>

#include "proto/net/daemon.h"

static enum hlv_daemon_task help(const struct hlv_daemon *d, const char *maker)
{
	printf("usage: %s -c FILE [-C]\n"
	       "  -c FILE  configuration (%s writes one)\n"
	       "  -C       check the configuration and exit\n"
	       "  -s       print the documented sample configuration\n"
	       "  -V -h    version, help\n",
	       d->name, maker);
	return HLV_DAEMON_DONE;
}

static enum hlv_daemon_task wrong(const struct hlv_daemon *d)
{
	fprintf(stderr, "%s: wrong usage: %s -c FILE [-C]: see %s -h\n", d->name, d->name,
		d->name);
	return HLV_DAEMON_WRONG;
}

enum hlv_daemon_task hlv_daemon_arguments(struct hlv_daemon *d, int argc, char **argv,
					  const struct hlv_daemon_usage *usage)
{
	enum hlv_daemon_task task = HLV_DAEMON_RUN;
	int opt;
	opterr = 0; /* one line is said, by us */
	while ((opt = getopt(argc, argv, "c:CshV")) != -1) {
		switch (opt) {
		case 'c':
			d->path = optarg;
			break;
		case 'C':
			task = HLV_DAEMON_CHECK;
			break;
		case 's':
			hlv_conf_sample(usage->rows, usage->n);
			return HLV_DAEMON_DONE;
		case 'h':
			return help(d, usage->maker);
		case 'V':
			printf("%s " HELVE_VERSION "\n", d->name);
			return HLV_DAEMON_DONE;
		default:
			return wrong(d);
		}
	}
	return d->path && optind == argc ? task : wrong(d);
}
