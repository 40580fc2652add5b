<?php

declare(strict_types=1);

namespace Leaks\Plain;

use Leaks\About;
use Leaks\Page;
use Leaks\Refused;
use Leaks\Request;
use Leaks\Response;

/**
 * The worker dies at once, as by a segmentation fault; the client gets no answer.
 */
final class Crash implements Page
{
    public function about(): About
    {
        return new About(
            'crash',
            About::PAGE,
            'clean',
            'kills the worker that serves it',
        );
    }

    public function serve(Request $request): Response
    {
        if (!function_exists('posix_kill')) {
            throw new Refused(501, 'the posix extension is missing');
        }
        posix_kill(posix_getpid(), 9);

        return Response::ok();
    }
}
