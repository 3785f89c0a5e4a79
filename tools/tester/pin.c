#include "pin.h"

#include <errno.h>
#include <sched.h>

int pin_thread(unsigned cpu)
{
	cpu_set_t cpus;

	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}
