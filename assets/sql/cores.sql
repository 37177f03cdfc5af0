-- How many processors the server's machine has, as Linux tells it, and how many of them its control group may use. A
-- question that only some may ask, and that only some machines answer: files are read. From 11.
SELECT pg_catalog.pg_read_file('/sys/devices/system/cpu/online', 0, 1000, true) AS online,
       pg_catalog.pg_read_file('/sys/fs/cgroup/cpu.max', 0, 100, true) AS allowed
