<?php

declare(strict_types=1);

namespace Leaks\Plain;

use Leaks\About;
use Leaks\Page;
use Leaks\Request;
use Leaks\Response;

/**
 * Needs the token of `/login`.
 */
final class PrivateArea implements Page
{
    public function about(): About
    {
        return new About(
            'private',
            About::PAGE,
            'clean',
            'needs Authorization: Bearer with the token of /login, else 401',
        );
    }

    public function serve(Request $request): Response
    {
        [$scheme, $token] = explode(' ', $request->headers['authorization'] ?? '', 2) + ['', ''];
        if (strcasecmp($scheme, 'bearer') !== 0 || !Token::valid($token)) {
            return Response::json(['error' => 'log in first: POST /login'], 401);
        }

        return Response::ok();
    }
}
