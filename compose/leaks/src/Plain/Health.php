<?php

declare(strict_types=1);

namespace Leaks\Plain;

use Leaks\About;
use Leaks\Page;
use Leaks\Request;
use Leaks\Response;

/**
 * Says that a worker answers.
 */
final class Health implements Page
{
    public function about(): About
    {
        return new About(
            'health',
            About::PAGE,
            'clean',
            'answers 200 when a worker is up',
        );
    }

    public function serve(Request $request): Response
    {
        return Response::ok('ok');
    }
}
