"""What must hold after a thousand deaths and a thousand damages; the tests run fifty of each."""
