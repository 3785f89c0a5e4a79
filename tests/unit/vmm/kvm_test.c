/* Calls to KVM where the kernel interrupts them. */
#include "cmocka_all.h"

#include "kvm.h"

#include <errno.h>
#include <linux/kvm.h>

static unsigned n_interrupts, n_calls;
static int then; /* what the kernel answers after the interrupts: a value, or -errno */

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	assert_int_equal(request, KVM_CREATE_VM);
	n_calls++;
	errno = n_calls <= n_interrupts ? EINTR : -then;
	return n_calls <= n_interrupts || then < 0 ? -1 : then;
}

static int create(unsigned interrupts, int answer)
{
	n_calls = 0;
	n_interrupts = interrupts;
	then = answer;
	return kvm_ioctl(3, KVM_CREATE_VM, 0);
}

static void interrupted_calls_are_repeated(void **state)
{
	assert_int_equal(create(0, 7), 7);
	assert_int_equal(n_calls, 1);
	assert_int_equal(create(3, 7), 7);
	assert_int_equal(n_calls, 4);
	assert_int_equal(create(3, -ENOMEM), -ENOMEM);
	assert_int_equal(n_calls, 4);
}

static void not_for_ever(void **state)
{
	assert_int_equal(create(UINT32_MAX, 7), -EINTR);
	assert_int_equal(n_calls, KVM_MAX_TRIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupted_calls_are_repeated),
		cmocka_unit_test(not_for_ever),
	};

	return cmocka_run_group_tests_name("kvm", tests, NULL, NULL);
}
