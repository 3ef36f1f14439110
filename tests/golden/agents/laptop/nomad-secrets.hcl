consul { token = "22222222-made-up" }
