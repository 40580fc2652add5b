<?php

declare(strict_types=1);

/*
 * A small pre-fork HTTP/1.1 server that serves the leak cases: php server.php
 *
 * It stands in for a resident PHP service where there is no Swoole: a master that forks and replaces workers, an event
 * loop in each, keep-alive, recycling after so many requests, timers, coroutines (fibers) and a task worker.
 * Apart from the leak cases it keeps exactly 0 bytes a request.
 *
 * Environment:
 *   HOST             address to listen on (127.0.0.1; the image sets 0.0.0.0)
 *   PORT             8080; 0 takes a free one, which the start line names
 *   WORKERS          2
 *   TASK_WORKERS     1; 0 turns /elsewhere off (501)
 *   MAX_REQUEST      0 = never; else a worker is replaced after so many requests and up to half as many more
 *   MAX_CONNECTIONS  400 a worker
 *   STOP_TIMEOUT     8 seconds for what is in flight at SIGTERM, a reload or a recycling
 *   LEAKS            where compose/leaks is (beside this folder)
 *   RESIDENT_DEBUG_HEAP=1   adds /__heap: what PHP itself says of the answering worker's heap
 *                           (?collect=1 runs the cycle collector first)
 *
 * Signals to the master: SIGTERM and SIGINT stop, SIGHUP and SIGUSR1 replace all workers. Exit code 2: bad setting.
 */

namespace Resident;

foreach (['pcntl', 'posix'] as $extension) {
    if (!extension_loaded($extension)) {
        fwrite(STDERR, "resident: PHP's {$extension} extension is missing: install or enable it\n");
        exit(2);
    }
}

try {
    require __DIR__ . '/src/BadSetting.php';
    require __DIR__ . '/src/Settings.php';
    $settings = Settings::fromEnvironment(getenv());
    require $settings->leaks . '/autoload.php';
    // Everything before the fork, so that no request is the first to load a class.
    foreach ([__DIR__ . '/src/*.php', $settings->leaks . '/src/*.php', $settings->leaks . '/src/*/*.php'] as $files) {
        foreach (glob($files) as $file) {
            require_once $file;
        }
    }
    exit((new Master($settings))->run());
} catch (BadSetting $wrong) {
    fwrite(STDERR, "resident: {$wrong->getMessage()}\n");
    exit(2);
}
