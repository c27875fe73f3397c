/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/crash.h"

enum { SAID = 512, PATIENCE_S = 300, WORKERS_MAX = 16 };

/* One child's last words, in memory that is shared with it. */
static char alone[SAID], *said = alone;

double crash_seconds(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void crash_say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(said, SAID, format, args);
	va_end(args);
}

static pid_t start(crash_job *job, void *ctx, unsigned i, char *words)
{
	*words = '\0';
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	said = words;
	alarm(PATIENCE_S); /* whose default is to end the process */
	_exit(job(ctx, i));
}

unsigned crash_run(unsigned n, unsigned workers, crash_job *job, crash_see *see, void *ctx)
{
	struct {
		pid_t pid;
		unsigned i;
	} running[WORKERS_MAX] = {0};
	unsigned next = 0, done = 0, busy = 0;
	bool go_on = true;
	workers = workers < 1 ? 1 : workers > WORKERS_MAX ? WORKERS_MAX : workers;
	char *words = mmap(NULL, (size_t)SAID * WORKERS_MAX, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (words == MAP_FAILED)
		abort();
	fflush(NULL);
	while (busy > 0 || (go_on && next < n)) {
		for (unsigned k = 0; k < workers && go_on && next < n; k++) {
			if (running[k].pid > 0)
				continue;
			running[k].i = next++;
			running[k].pid = start(job, ctx, running[k].i, words + k * SAID);
			if (running[k].pid < 0)
				abort();
			busy++;
		}
		int status;
		pid_t pid = wait(&status);
		for (unsigned k = 0; k < workers; k++) {
			if (running[k].pid != pid)
				continue;
			running[k].pid = 0;
			busy--;
			done++;
			go_on = see(ctx, running[k].i, status, words + k * SAID) && go_on;
		}
	}
	munmap(words, (size_t)SAID * WORKERS_MAX);
	return done;
}
