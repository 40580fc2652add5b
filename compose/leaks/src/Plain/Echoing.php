<?php

declare(strict_types=1);

namespace Leaks\Plain;

use Leaks\About;
use Leaks\Page;
use Leaks\Request;
use Leaks\Response;

/**
 * Says what was received: for tests of the load generator's methods, bodies and headers.
 */
final class Echoing implements Page
{
    public function about(): About
    {
        return new About(
            'echo',
            About::PAGE,
            'clean',
            'answers with the request as JSON',
            method: 'POST',
        );
    }

    public function serve(Request $request): Response
    {
        return Response::json([
            'method' => $request->method,
            'path' => $request->path,
            'query' => (object) $request->query,
            'headers' => (object) $request->headers,
            'body' => $request->body,
            'json' => json_decode($request->body),
            'form' => $this->form($request),
        ]);
    }

    /** @return array<string|int, mixed>|null */
    private function form(Request $request): ?array
    {
        $type = $request->headers['content-type'] ?? '';
        if (strncasecmp($type, 'application/x-www-form-urlencoded', 33) !== 0) {
            return null;
        }
        parse_str($request->body, $fields);

        return $fields;
    }
}
