"""The shapes that requests and answers have; OpenAPI is made from them."""
